package io.sillage

/** For what carries Sillage to a platform, as `sillage-android` does. Apps need none of it. */
@RequiresOptIn(message = "for what carries Sillage to a platform", level = RequiresOptIn.Level.ERROR)
@Retention(AnnotationRetention.BINARY)
annotation class HostApi

/** Where an app stands. */
@HostApi
enum class Lifecycle {
    /** It is in front of a person. */
    FOREGROUND,

    /** It was left: what waits is sent at once. */
    BACKGROUND,

    /** There is a network again. */
    ONLINE,

    /** There is none. */
    OFFLINE,

    /** Send what waits. */
    FLUSH,
}
