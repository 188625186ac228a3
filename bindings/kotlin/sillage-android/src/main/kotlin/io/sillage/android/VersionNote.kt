package io.sillage.android

import java.io.File
import java.io.IOException

/**
 * The version that was told of last, in a file beside the [spool]. It is written only once the spool is there:
 * before a consent that is required nothing is written at all, and the installation is told of once it is given.
 */
internal class VersionNote(private val file: File, private val spool: File) {
    fun read(): AppVersion? = try {
        val (version, build) = file.readLines().also { if (it.size != 2) return null }
        AppVersion(version, build)
    } catch (_: IOException) {
        null
    }

    /** Keeps [version] if something may be kept. A write that fails is made up for the next time. */
    fun keep(version: AppVersion) {
        if (!spool.isDirectory || read() == version) return
        try {
            val fresh = File(file.path + ".new")
            fresh.writeText("${oneLine(version.version)}\n${oneLine(version.build)}")
            fresh.renameTo(file)
        } catch (_: IOException) {
            // Told twice at worst.
        }
    }

    private fun oneLine(text: String) = text.replace('\n', ' ')
}
