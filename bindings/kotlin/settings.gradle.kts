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
}

rootProject.name = "sillage-kotlin"
include(":sillage")
// It needs the Android SDK, which a server's developer need not have.
if (providers.environmentVariable("ANDROID_HOME").isPresent || file("local.properties").exists()) {
    include(":sillage-android")
}
