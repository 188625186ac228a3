package io.sillage

import io.sillage.ffi.Call
import io.sillage.ffi.FfiConverterTypeCall
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Test
import java.nio.ByteBuffer

class LaneTest {
    @Test
    fun `the short way writes what the generated one does`() {
        val lane = Lane()
        for (event in listOf("", "Product Viewed", "Größe 😀 gewählt", "x".repeat(5_000))) {
            val long = mapOf("x" to "y".repeat(90_000))
            for (properties in listOf(mapOf(), mapOf("price" to 80.5, "name" to "é"), long)) {
                lane.write(event, properties)
                assertArrayEquals(generated(Call.Track(event, Words.json(properties), null)), lane.written)
            }
        }
    }

    private fun generated(call: Call): ByteArray {
        val buffer = ByteBuffer.allocate(FfiConverterTypeCall.allocationSize(call).toInt())
        FfiConverterTypeCall.write(call, buffer)
        return buffer.array().copyOf(buffer.position())
    }
}
