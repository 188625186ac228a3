package io.sillage.android

/** Calls what Android 5 has not, and asks first which Android it is. The check of the modules passes it over. */
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.FUNCTION, AnnotationTarget.PROPERTY_GETTER)
internal annotation class Newer
