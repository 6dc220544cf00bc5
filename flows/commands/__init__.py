"""The commands, one module an audience: each has an `app` that flows.cli joins."""
