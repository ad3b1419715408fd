"""Settings, Kafka clients, embedded servers, telemetry: everything in the kernel that touches the world."""
