package io.sillage.android

import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.rememberUpdatedState

/**
 * Tells that a screen is seen when it enters the composition, and when [name] or [category] changes. A rotation does
 * not tell again. For apps with Compose, which bring its runtime themselves.
 */
@Composable
fun TrackScreen(name: String, properties: Map<String, Any?> = emptyMap(), category: String = "") {
    val latest by rememberUpdatedState(properties)
    LaunchedEffect(name, category) { screens()?.saw(Screen(name, latest, category)) }
}
