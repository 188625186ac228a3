import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.library)
    alias(libs.plugins.kotlin.android)
    alias(libs.plugins.kotlin.compose)
    `maven-publish`
}

android {
    namespace = "io.sillage.android"
    compileSdk = libs.versions.android.compile.get().toInt()

    defaultConfig {
        minSdk = libs.versions.android.min.get().toInt()
        consumerProguardFiles("consumer-rules.pro")
    }

    // The JVM module's sources and not its jar, which carries the native libraries of desktops.
    sourceSets.named("main") {
        kotlin.srcDirs("src/main/kotlin", "../sillage/src/main/kotlin", "../sillage/src/generated/kotlin")
        jniLibs.srcDir("src/main/jniLibs")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.toVersion(libs.versions.jvm.get())
        targetCompatibility = JavaVersion.toVersion(libs.versions.jvm.get())
    }

    publishing {
        singleVariant("release") { withSourcesJar() }
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.fromTarget(libs.versions.jvm.get())
    }
}

dependencies {
    api(libs.coroutines)
    // The one that carries JNA's own native libraries for Android, laid out for pages of 16 KiB.
    implementation("${libs.jna.get().module}:${libs.versions.jna.get()}@aar")
    implementation(libs.androidx.work)
    // For TrackScreen alone. An app with Compose has it.
    compileOnly(libs.compose.runtime)
}

/** What `make sdk-targets` builds, by the names that Android has for machines. */
val abis = listOf("arm64-v8a", "armeabi-v7a", "x86", "x86_64")

val checkNativeLibraries by tasks.registering {
    description = "Checks that the native library is there for each machine, and laid out for pages of 16 KiB."
    group = "verification"
    val libraries = abis.map { layout.projectDirectory.file("src/main/jniLibs/$it/libsillage_ffi.so").asFile }
    doLast {
        val missing = libraries.filterNot { it.isFile }
        check(missing.isEmpty()) { "`make sdk-targets` makes what is missing: ${missing.joinToString()}" }
        for (library in libraries) {
            val least = loadAlignments(library).min()
            check(least >= 16_384) { "$library has pages of $least bytes: link it with -z max-page-size=16384" }
        }
    }
}

tasks.named("preBuild") { dependsOn(checkNativeLibraries) }

/** How the segments of a little-endian ELF file that are loaded are aligned, in bytes. */
fun loadAlignments(file: File): List<Long> {
    val bytes = ByteArray(minOf(4096, file.length().toInt()))
    RandomAccessFile(file, "r").use { it.readFully(bytes) }
    val elf = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    val is64 = bytes[4].toInt() == 2
    val table = if (is64) elf.getLong(32).toInt() else elf.getInt(28)
    val size = elf.getShort(if (is64) 54 else 42).toInt()
    val count = elf.getShort(if (is64) 56 else 44).toInt()
    val load = 1
    return (0 until count).map { table + it * size }.filter { elf.getInt(it) == load }
        .map { at -> if (is64) elf.getLong(at + 48) else elf.getInt(at + 28).toLong() }
}

publishing {
    publications {
        register<MavenPublication>("sillage-android") {
            artifactId = "sillage-android"
            afterEvaluate { from(components["release"]) }
        }
    }
}
