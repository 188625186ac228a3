package io.sillage.android

import android.Manifest.permission.ACCESS_NETWORK_STATE
import android.app.Activity
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import androidx.work.Configuration
import androidx.work.NetworkType
import androidx.work.WorkInfo
import androidx.work.WorkManager
import io.sillage.Sillage
import org.junit.Assert.assertEquals
import org.junit.Before
import org.junit.Test
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowNetworkCapabilities
import org.robolectric.util.ReflectionHelpers
import java.util.concurrent.Future

/** Against the real WorkManager, which decides by itself when a work runs. */
class WorkTest : SystemTest() {
    @Before
    fun begin() {
        shadowOf(app).grantPermissions(ACCESS_NETWORK_STATE)
        val system = app.getSystemService(ConnectivityManager::class.java)
        val can = ShadowNetworkCapabilities.newInstance()
        shadowOf(can).addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET)
        shadowOf(can).addCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED)
        shadowOf(system).setNetworkCapabilities(system.activeNetwork, can)
        // It is one for a process, and each test is one.
        val kept = Class.forName("androidx.work.impl.WorkManagerImpl")
        ReflectionHelpers.setStaticField(kept, "sDelegatedInstance", null)
        ReflectionHelpers.setStaticField(kept, "sDefaultInstance", null)
        WorkManager.initialize(app, Configuration.Builder().build())
    }

    /** The one work, if there is any. Its answer is of a type that the signatures here do not name. */
    @Suppress("UNCHECKED_CAST")
    private val work: WorkInfo?
        get() {
            val ask = WorkManager::class.java.getMethod("getWorkInfosForUniqueWork", String::class.java)
            val answer = ask.invoke(WorkManager.getInstance(app), WorkManagerLater.NAME) as Future<List<WorkInfo>>
            return answer.get().singleOrNull()
        }

    private fun useAndLeave() {
        Robolectric.buildActivity(Activity::class.java).setup().pause().stop()
    }

    @Test
    fun `an app that is left with events asks for a work that needs a network`() {
        collector.isOutOfOrder = true
        start()
        useAndLeave()
        until("a work is asked for") { work != null }
        assertEquals(NetworkType.CONNECTED, work?.constraints?.requiredNetworkType)
    }

    @Test
    fun `it runs, delivers, and is done`() {
        start()
        useAndLeave()
        until("the work is done") { work?.state == WorkInfo.State.SUCCEEDED }
        assertEquals(0L, Sillage.current?.ledger?.pending)
        assertEquals("Application Backgrounded", collector.names.last())
    }

    @Test
    fun `an app that wants none asks for none`() {
        collector.isOutOfOrder = true
        start { flushInBackground = false }
        useAndLeave()
        Sillage.current?.flush(500)
        assertEquals(null, work)
    }
}
