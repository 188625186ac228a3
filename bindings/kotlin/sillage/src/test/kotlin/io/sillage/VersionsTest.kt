package io.sillage

import io.sillage.testing.module
import io.sillage.testing.repository
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.io.File

class VersionsTest {
    private val project = module.parentFile
    private val catalog = Regex("""^(\w+) = "(.*)"$""", RegexOption.MULTILINE)
        .findAll(File(project, "gradle/libs.versions.toml").readText().substringBefore("[libraries]"))
        .associate { it.groupValues[1] to it.groupValues[2] }

    private fun first(pattern: String, file: File) = Regex(pattern).find(file.readText())!!.groupValues[1]

    @Test
    fun `Gradle and Maven build with the same versions`() {
        val pom = File(project, "pom.xml")
        for (name in listOf("jvm", "kotlin", "coroutines", "jna", "junit", "gson"))
            assertEquals(catalog[name], first("<$name.version>(.*)</", pom), name)
    }

    @Test
    fun `the library has one version wherever it is written`() {
        assertEquals(first("\nversion = \"(.*)\"", File(repository, "Cargo.toml")), VERSION)
        assertEquals(VERSION, catalog["sillage"])
        for (pom in listOf(File(project, "pom.xml"), File(module, "pom.xml")))
            assertEquals(VERSION, first("<version>(.*)</", pom))
    }
}
