package io.sillage.example

import android.app.Activity
import android.view.View
import android.widget.Button
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView

/** A column that scrolls, as the whole of an activity. */
fun Activity.column(fill: LinearLayout.() -> Unit) {
    val column = LinearLayout(this)
    val gap = (16 * resources.displayMetrics.density).toInt()
    column.orientation = LinearLayout.VERTICAL
    column.fitsSystemWindows = true
    column.setPadding(gap, gap, gap, gap)
    column.fill()
    setContentView(ScrollView(this).apply { addView(column) })
}

fun LinearLayout.text(said: String): TextView = TextView(context).apply { text = said }.also(::addView)

fun LinearLayout.button(said: String, clicked: (View) -> Unit): Button =
    Button(context).apply { text = said; setOnClickListener(clicked) }.also(::addView)
