package io.sillage.android

import android.Manifest.permission.ACCESS_NETWORK_STATE
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import android.os.Build
import org.junit.Assert.assertEquals
import org.junit.Before
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowNetwork
import org.robolectric.shadows.ShadowNetworkCapabilities
import org.robolectric.util.ReflectionHelpers

class NetworkWatchTest : SystemTest() {
    private val told = mutableListOf<Boolean>()
    private val kinds = mutableListOf<NetworkKind>()
    private val system by lazy { app.getSystemService(ConnectivityManager::class.java) }
    private val callbacks get() = shadowOf(system).networkCallbacks
    private val wifi = ShadowNetwork.newInstance(1)
    private val cell = ShadowNetwork.newInstance(2)

    private fun watch() = NetworkWatch(app, Reach { told.add(it) }) { kinds.add(it) }.start()

    @Before
    fun grant() = shadowOf(app).grantPermissions(ACCESS_NETWORK_STATE)

    @Test
    fun `a network that goes and comes is told`() {
        watch()
        val heard = callbacks.single()
        heard.onAvailable(wifi)
        heard.onLost(wifi)
        heard.onAvailable(cell)
        heard.onBlockedStatusChanged(cell, true)
        assertEquals(listOf(false, true, false), told)
    }

    @Test
    fun `a start without a network is told`() {
        shadowOf(system).setDefaultNetworkActive(false)
        shadowOf(system).setActiveNetworkInfo(null)
        watch()
        callbacks.single().onAvailable(wifi)
        assertEquals(listOf(false, true), told)
    }

    @Test
    fun `the kind of a network is told`() {
        watch()
        val can = ShadowNetworkCapabilities.newInstance()
        shadowOf(can).addTransportType(NetworkCapabilities.TRANSPORT_CELLULAR)
        callbacks.single().onCapabilitiesChanged(cell, can)
        assertEquals(listOf(NetworkKind(wifi = false, cellular = true, bluetooth = false)), kinds)
    }

    @Test
    fun `before Android 7 each network counts`() {
        ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", 23)
        watch()
        val heard = callbacks.single()
        heard.onAvailable(wifi)
        heard.onAvailable(cell)
        heard.onLost(wifi)
        assertEquals(emptyList<Boolean>(), told)
        heard.onLost(cell)
        assertEquals(listOf(false), told)
    }

    @Test
    fun `without the permission nothing is asked`() {
        shadowOf(app).denyPermissions(ACCESS_NETWORK_STATE)
        watch()
        assertEquals(emptySet<Any>(), callbacks)
        assertEquals(emptyList<Boolean>(), told)
    }

    @Test
    fun `the network stands in the context, and comes to the client`() {
        val sillage = start()
        until("the network is watched") { callbacks.isNotEmpty() }
        val can = ShadowNetworkCapabilities.newInstance()
        shadowOf(can).addTransportType(NetworkCapabilities.TRANSPORT_WIFI)
        callbacks.single().onCapabilitiesChanged(wifi, can)
        sillage.track("Tried")
        delivered()
        val network = event("Tried")["whole"].asJsonObject["network"].asJsonObject
        assertEquals(true, network["wifi"].asBoolean)
        assertEquals(false, network["cellular"].asBoolean)
    }

    @Test
    fun `without a network nothing is tried until there is one`() {
        val sillage = start { batchAgeMs = 10; trackLifecycle = false }
        until("the network is watched") { callbacks.isNotEmpty() }
        callbacks.single().onAvailable(wifi)
        callbacks.single().onLost(wifi)
        sillage.track("Tried")
        until("it is kept") { sillage.waitDurable() && sillage.ledger.pending == 1L }
        val since = System.nanoTime()
        until("twenty batches' ages have passed") { System.nanoTime() - since > 200_000_000 }
        assertEquals(emptyList<String>(), collector.names)
        callbacks.single().onAvailable(cell)
        until("it is delivered") { collector.names == listOf("Tried") }
    }
}
