package io.sillage

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.sillage.testing.Player
import io.sillage.testing.repository
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

class ScenariosTest {
    private val files = File(repository, "tests/fixtures/scenarios")
        .listFiles { file -> file.extension == "json" }!!
        .sortedBy { it.name }

    private fun scenario(file: File): JsonObject = JsonParser.parseString(file.readText()).asJsonObject

    @Test
    fun `every scenario gives exactly its actions and keeps its claims`() {
        assertTrue(files.size >= 90, "${files.size} scenarios")
        val wrong = files.flatMap { Player(it.name, scenario(it)).play() }
        assertEquals(0, wrong.size, wrong.joinToString("\n"))
        println("${files.size} scenarios")
    }

    @Test
    fun `a scenario that is wrong anywhere fails`() {
        // Each of these changes one thing in every scenario that has it; every change must be noticed.
        val lies: List<(JsonObject) -> Boolean> = listOf(
            { it.changeFirst("crc32", "00000000") },
            { it.changeFirst("bytes", 1) },
            { it.changeFirst("way", "by pigeon") },
            { it.changeFirst("wakeAt", -1) },
            { it.changeFirst("segmentsChanged", "none") },
            { it.changeFirst("delivered", 99) },
            { it.changeClaim() },
            { it.dropAction() },
        )
        for ((index, lie) in lies.withIndex()) {
            val lied = files.map { it.name to scenario(it) }.filter { (_, scenario) -> lie(scenario) }
            assertTrue(lied.isNotEmpty(), "lie $index fits nothing")
            val believed = lied.filter { (name, scenario) -> Player(name, scenario).play().isEmpty() }
            assertEquals(listOf<String>(), believed.map { it.first }, "lie $index is believed")
        }
    }

    private fun JsonObject.changeClaim(): Boolean {
        val claims = this["claims"].asJsonObject
        claims.addProperty(claims.keySet().first(), "something else")
        return true
    }

    private fun JsonObject.dropAction(): Boolean {
        val actions = steps().map { it["actions"].asJsonArray }.firstOrNull { it.size() > 0 } ?: return false
        actions.remove(actions.size() - 1)
        return true
    }

    private fun JsonObject.steps() = this["steps"].asJsonArray.map { it.asJsonObject }

    /** Whether there was such a member among the actions. */
    private fun JsonObject.changeFirst(member: String, value: Any): Boolean =
        steps().any { change(it["actions"], member, value) }

    private fun change(part: JsonElement, member: String, value: Any): Boolean = when (part) {
        is JsonArray -> part.any { change(it, member, value) }
        is JsonObject -> if (part.has(member)) {
            if (value is Number) part.addProperty(member, value) else part.addProperty(member, value.toString())
            true
        } else {
            part.entrySet().any { change(it.value, member, value) }
        }
        else -> false
    }
}
