plugins {
    alias(libs.plugins.kotlin.jvm) apply false
}

allprojects {
    group = "io.sillage"
    version = rootProject.libs.versions.sillage.get()
}
