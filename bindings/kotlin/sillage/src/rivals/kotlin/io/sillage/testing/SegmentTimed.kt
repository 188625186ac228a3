package io.sillage.testing

import com.segment.analytics.Analytics
import com.segment.analytics.messages.TrackMessage

/** Segment's own client for Java, used as its documentation says. */
class SegmentTimed(endpoint: String) : Timed {
    private val analytics = Analytics.builder("wk_cost").endpoint(endpoint).build()
    override val name = "segment"

    override fun track() {
        val properties = mapOf("product_id" to "sku-1", "price" to 80.5, "currency" to "EUR", "quantity" to 2)
        analytics.enqueue(TrackMessage.builder("Product Viewed").userId("u-1").properties(properties))
    }

    override fun empty() = analytics.flush()

    override fun close() = analytics.shutdown()
}
