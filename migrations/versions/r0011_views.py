"""Views are the public face of the results; env.py makes them after the newest revision, whichever that is."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Change no table."""


def downgrade() -> None:
    """Change no table."""
