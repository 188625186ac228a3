import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.kotlin.jvm)
    `java-library`
    `maven-publish`
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.fromTarget(libs.versions.jvm.get())
        // A null from Java is met where all else is caught, and not thrown at the caller.
        freeCompilerArgs.add("-Xno-param-assertions")
    }
}

java {
    targetCompatibility = JavaVersion.toVersion(libs.versions.jvm.get())
    withSourcesJar()
}

// What bindings/generate writes: the boundary, and the native library for each machine.
sourceSets.main {
    kotlin.srcDir("src/generated/kotlin")
    resources.srcDir("src/generated/resources")
}

dependencies {
    api(libs.coroutines)
    implementation(libs.jna)
    testImplementation(libs.junit)
    testImplementation(libs.gson)
    testRuntimeOnly("org.junit.platform:junit-platform-launcher")
}

tasks.test {
    useJUnitPlatform()
}

publishing {
    publications {
        create<MavenPublication>("sillage") {
            from(components["java"])
        }
    }
}
