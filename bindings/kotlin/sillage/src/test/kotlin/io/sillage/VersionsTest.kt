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
        for (name in listOf("jvm", "kotlin", "coroutines", "jna", "junit", "gson", "work", "compose"))
            assertEquals(catalog[name], first("<$name.version>(.*)</", pom), name)
    }

    @Test
    fun `the library has one version wherever it is written`() {
        assertEquals(first("\nversion = \"(.*)\"", File(repository, "Cargo.toml")), VERSION)
        assertEquals(VERSION, catalog["sillage"])
        val poms = listOf("pom.xml", "sillage/pom.xml", "sillage-android/pom.xml", "sillage-android/src/stubs/pom.xml")
        for (pom in poms) assertEquals(VERSION, first("<version>(.*)</", File(project, pom)), pom)
    }
}
