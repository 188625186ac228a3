package io.sillage.android

import android.Manifest.permission.ACCESS_NETWORK_STATE
import android.annotation.SuppressLint
import android.content.Context
import android.content.pm.PackageManager.PERMISSION_GRANTED
import android.net.ConnectivityManager
import android.net.Network
import android.net.NetworkCapabilities
import android.net.NetworkRequest
import android.os.Build
import android.os.Process

/** What kind of network there is, as Segment's context has it. */
internal data class NetworkKind(val wifi: Boolean, val cellular: Boolean, val bluetooth: Boolean) {
    fun context(carrier: String): Map<String, Any?> =
        mapOf("wifi" to wifi, "cellular" to cellular, "bluetooth" to bluetooth) +
            if (carrier.isEmpty()) emptyMap() else mapOf("carrier" to carrier)
}

/** Hears of networks from the system. Without the permission it does nothing: then only a try tells. */
@SuppressLint("MissingPermission")
internal class NetworkWatch(
    private val context: Context,
    private val reach: Reach,
    private val kind: (NetworkKind) -> Unit,
) {
    private val system = context.getSystemService(Context.CONNECTIVITY_SERVICE) as? ConnectivityManager

    @Newer
    fun start() {
        val system = system ?: return
        val granted = context.checkPermission(ACCESS_NETWORK_STATE, Process.myPid(), Process.myUid())
        if (granted != PERMISSION_GRANTED) return
        // The system says nothing while there is no network, and at once while there is one.
        if (Build.VERSION.SDK_INT >= 24) {
            if (system.activeNetwork == null) reach.none()
            system.registerDefaultNetworkCallback(Heard(reach::only))
        } else {
            @Suppress("DEPRECATION")
            if (system.activeNetworkInfo?.isConnected != true) reach.none()
            val wanted = NetworkRequest.Builder().addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET)
            system.registerNetworkCallback(wanted.build(), Heard(reach::also))
        }
    }

    private inner class Heard(private val came: (Any) -> Unit) : ConnectivityManager.NetworkCallback() {
        override fun onAvailable(network: Network) = came(network)

        override fun onLost(network: Network) = reach.lost(network)

        override fun onBlockedStatusChanged(network: Network, blocked: Boolean) = reach.blocked(network, blocked)

        override fun onCapabilitiesChanged(network: Network, can: NetworkCapabilities) = kind(
            NetworkKind(
                wifi = can.hasTransport(NetworkCapabilities.TRANSPORT_WIFI),
                cellular = can.hasTransport(NetworkCapabilities.TRANSPORT_CELLULAR),
                bluetooth = can.hasTransport(NetworkCapabilities.TRANSPORT_BLUETOOTH),
            ),
        )
    }
}
