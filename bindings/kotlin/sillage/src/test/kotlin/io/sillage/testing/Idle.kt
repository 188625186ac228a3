package io.sillage.testing

import io.sillage.Sillage

/** A program that uses all of the face and forgets to end it; it says whether it may do so. */
object Idle {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val sillage = Sillage.init("wk_test") { endpoint = arguments[0] }
        sillage.track("Left")
        sillage.page()
        sillage.identify("u-1", mapOf("plan" to "pro"))
        sillage.consent(mapOf("analytics" to true))
        sillage.context(mapOf("x" to 1))
        println("left ${sillage.flush(200)}, durable ${sillage.waitDurable()}, created ${sillage.ledger.created}")
        println("segments ${sillage.segments.value}, device '${sillage.anonymousId}'")
    }
}
