"""The controller's end of the agent's protocol."""
