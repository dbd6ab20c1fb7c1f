"""The controller: plan, build, push, follow, store, show."""
