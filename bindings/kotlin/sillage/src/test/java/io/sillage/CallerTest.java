package io.sillage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.sillage.testing.Stub;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CallerTest {
    @Test
    void javaSaysTheSameWithoutCeremony() throws InterruptedException {
        BlockingQueue<Signal> signals = new LinkedBlockingQueue<>();
        try (Stub stub = new Stub()) {
            Settings settings = new Settings();
            settings.setEndpoint(stub.getEndpoint());
            settings.setBatchEvents(10);
            settings.onSignal(signals::add);
            try (Sillage sillage = Sillage.init("wk_test", settings)) {
                EventOptions options = new EventOptions();
                options.setUserId("u-7");
                options.setTimestamp(new Date());
                sillage.track("Bare");
                sillage.track("Product Viewed", Map.of("price", 80.5));
                sillage.track("Order Completed", Map.of("total", 9), options);
                sillage.page();
                sillage.screen("Cart", Map.of("items", List.of(1, 2)));
                sillage.identify("u-1");
                sillage.group("g-1");
                sillage.consent(Map.of("analytics", true));
                sillage.privacy(true);
                assertEquals(0, sillage.flush());
                assertEquals(7, sillage.getLedger().getAcknowledged());
                assertEquals(List.of(), sillage.getSegments().getValue());
            }
            assertEquals(7, stub.getEvents().size());
        }
        int delivered = 0;
        while (delivered < 7) {
            Signal.Delivered signal = (Signal.Delivered) signals.poll(10, TimeUnit.SECONDS);
            assertNotNull(signal, delivered + " delivered");
            delivered += signal.getCount();
        }
        assertEquals(7, delivered);
    }

    @Test
    void aNullFromJavaIsNothingSaid() {
        try (Stub stub = new Stub()) {
            Settings settings = new Settings();
            settings.setEndpoint(stub.getEndpoint());
            settings.onSignal(signal -> {});
            try (Sillage sillage = Sillage.init("wk_test", settings)) {
                sillage.track("Kept", null, null);
                sillage.page(null, null, null, null);
                sillage.identify(null, null);
                sillage.track(null);
                sillage.group(null);
                sillage.consent(null);
                sillage.context(null);
                assertEquals(0, sillage.flush());
                assertEquals(3, sillage.getLedger().getAcknowledged());
            }
            assertEquals(3, stub.getEvents().size());
        }
        Sillage.init(null, (Settings) null).track("Into nothing");
    }
}
