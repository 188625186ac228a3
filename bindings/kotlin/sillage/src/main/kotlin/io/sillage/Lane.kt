package io.sillage

import com.sun.jna.Native
import com.sun.jna.Pointer
import com.sun.jna.Structure
import io.sillage.ffi.Client
import io.sillage.ffi.FfiConverterString
import io.sillage.ffi.InternalException
import io.sillage.ffi.UNIFFI_CALL_SUCCESS
import io.sillage.ffi.UniffiRustCallStatus
import io.sillage.ffi.UniffiWithHandle
import java.util.concurrent.ArrayBlockingQueue

/**
 * The client with a shorter way for `track`, which is called most. The generated one makes four crossings, each with
 * structures that are allocated and read by reflection; this one makes three and keeps its structures.
 *
 * It writes what the generated converter of `Call.Track` writes; a test holds both against each other.
 */
internal class QuickClient(handle: Long) : Client(UniffiWithHandle, handle) {
    private val lanes = ArrayBlockingQueue<Lane>(LANES_KEPT)

    /** Keeps this object from being collected while its handle is used. */
    @Volatile
    private var uses = 0

    /** As `call(Call.Track(event, properties, null))`. */
    fun track(event: String, properties: Map<*, *>) {
        val lane = lanes.poll() ?: Lane()
        lane.write(event, properties)
        lane.send(handle)
        uses = 1
        // One that failed is not used again.
        lanes.offer(lane)
    }

    companion object {
        /** As many threads as may track at once without a new lane each. */
        private const val LANES_KEPT = 16

        /** Takes over what [client] holds. */
        fun of(client: Client): QuickClient = client.use { QuickClient(it.uniffiCloneHandle()) }
    }
}

/** What one crossing needs, for one thread at a time. */
internal class Lane {
    private val text = Utf8()
    private val json = Json(text)
    private val status = UniffiRustCallStatus().apply { setAutoSynch(false) }
    private val told = status.pointer.apply { clear(status.size().toLong()) }
    private val argument = Slab()

    /** What is written, for a test. */
    val written: ByteArray get() = text.bytes.copyOf(text.length)

    fun write(event: String?, properties: Map<*, *>?) {
        text.clear()
        text.int(TRACK)
        measured { text.text(event ?: "") }
        measured { if (!properties.isNullOrEmpty()) json.write(properties) }
        text.byte(NO_OPTIONS)
    }

    fun send(handle: Long) {
        val buffer = Quick.ffi_sillage_ffi_rustbuffer_alloc(text.length.toLong(), told)
        check()
        buffer.data!!.write(0, text.bytes, 0, text.length)
        argument.set(buffer.capacity, text.length.toLong(), buffer.data)
        val client = Quick.uniffi_sillage_ffi_fn_clone_client(handle, told)
        check()
        Quick.uniffi_sillage_ffi_fn_method_client_call(client, argument, told)
        check()
    }

    private inline fun measured(write: () -> Unit) {
        val at = text.length
        text.int(0)
        write()
        text.putInt(at, text.length - at - 4)
    }

    private fun check() {
        if (told.getByte(0) == UNIFFI_CALL_SUCCESS) return
        status.read()
        val why = status.error_buf
        throw InternalException(if (why.len > 0) FfiConverterString.lift(why) else "the native library panicked")
    }

    private companion object {
        /** `Call.Track` among the variants. */
        const val TRACK = 1
        const val NO_OPTIONS = 0
    }
}

/** A buffer as it crosses by value. What it says is written at once and read without reflection. */
@Structure.FieldOrder("capacity", "len", "data")
internal class Slab : Structure, Structure.ByValue {
    @JvmField var capacity: Long = 0

    @JvmField var len: Long = 0

    @JvmField var data: Pointer? = null

    constructor() : super() {
        setAutoSynch(false)
    }

    /** What a function has given; JNA asks for it. */
    @Suppress("unused")
    constructor(at: Pointer) : super(at) {
        setAutoSynch(false)
        capacity = at.getLong(0)
        len = at.getLong(8)
        data = at.getPointer(16)
    }

    fun set(capacity: Long, len: Long, data: Pointer?) {
        val at = pointer
        at.setLong(0, capacity)
        at.setLong(8, len)
        at.setPointer(16, data)
    }
}

/** The few functions that [Lane] needs, with a status that is a mere address. */
@Suppress("FunctionName")
internal object Quick {
    init {
        // The generated code has found the library under this name, and checked that it is the right one.
        val library = System.getProperty("uniffi.component.sillage_ffi.libraryOverride") ?: "sillage_ffi"
        Native.register(Quick::class.java, library)
    }

    @JvmStatic
    external fun ffi_sillage_ffi_rustbuffer_alloc(size: Long, status: Pointer): Slab

    @JvmStatic
    external fun uniffi_sillage_ffi_fn_clone_client(handle: Long, status: Pointer): Long

    @JvmStatic
    external fun uniffi_sillage_ffi_fn_method_client_call(handle: Long, call: Slab, status: Pointer)
}
