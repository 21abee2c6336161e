//! What each process needs: settings, telemetry, health, shutdown, keys.
