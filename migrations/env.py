"""Alembic's entry: runs migrations on the connection that `orchestrator.store.migrate` hands over."""

from alembic import context

from orchestrator.store import migrate, views
from orchestrator.store.schema import Base


def run() -> None:
    """Run the migrations inside the caller's transaction."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise SystemExit("migrations are run by `farm db upgrade`, which knows the database")
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True, transactional_ddl=False)
    views.drop(connection)  # a table that a view asks can't be changed
    context.run_migrations()
    if migrate.current(connection) == migrate.NEWEST:
        views.create(connection)


run()
