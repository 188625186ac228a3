package io.sillage.testing

import java.io.File

/** The class path of the tests. */
val classPath: List<String> = System.getProperty("java.class.path").split(File.pathSeparator)

/** Starts a program of the tests in a process of its own; what it says goes to [output]. */
fun program(name: String, arguments: List<String>, output: File, path: List<String> = classPath): Process {
    val java = File(System.getProperty("java.home"), "bin/java").path
    val builder = ProcessBuilder(listOf(java, "-cp", path.joinToString(File.pathSeparator), name) + arguments)
    builder.environment()["SILLAGE_WRITE_KEY"] = "wk_test"
    return builder.redirectErrorStream(true).redirectOutput(output).start()
}
