pluginManagement {
    repositories {
        gradlePluginPortal()
        mavenCentral()
        google()
    }
}

dependencyResolutionManagement {
    repositories {
        mavenCentral()
        google()
    }
    versionCatalogs {
        create("libs") { from(files("../../bindings/kotlin/gradle/libs.versions.toml")) }
    }
}

rootProject.name = "shop"

// An app elsewhere has the published library; this one builds it.
includeBuild("../../bindings/kotlin")
