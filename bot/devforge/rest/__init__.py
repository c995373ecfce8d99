"""The REST API below /api/v3: one module a room, each with a blueprint `room`."""
