import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "io.sillage.example"
    compileSdk = libs.versions.android.compile.get().toInt()

    defaultConfig {
        applicationId = "io.sillage.example.shop"
        minSdk = libs.versions.android.min.get().toInt()
        targetSdk = libs.versions.android.compile.get().toInt()
        versionCode = 1
        versionName = "1.0"
        // 10.0.2.2 is the machine that the emulator runs on.
        manifestPlaceholders["endpoint"] = providers.gradleProperty("endpoint").getOrElse("http://10.0.2.2:8080")
        manifestPlaceholders["writeKey"] = providers.gradleProperty("writeKey").getOrElse("")
    }

    buildTypes {
        release {
            // Shrunk, so that the library's rules are tried as well.
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
            signingConfig = signingConfigs.getByName("debug")
        }
    }

    sourceSets.named("main") { kotlin.srcDir("src/main/kotlin") }

    compileOptions {
        sourceCompatibility = JavaVersion.toVersion(libs.versions.jvm.get())
        targetCompatibility = JavaVersion.toVersion(libs.versions.jvm.get())
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.fromTarget(libs.versions.jvm.get())
    }
}

dependencies {
    implementation("io.sillage:sillage-android:${libs.versions.sillage.get()}")
    implementation(libs.coroutines.android)
}
