"""What the integration tests stand on: OpenBao servers, the daemon, its clients, a fault proxy, a leak hunt."""
