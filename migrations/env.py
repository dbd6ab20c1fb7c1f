"""Alembic's entry: runs migrations on the connection that `orchestrator.store.migrate` hands over."""

from alembic import context

from orchestrator.store.schema import Base


def run() -> None:
    """Run the migrations inside the caller's transaction."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise SystemExit("migrations are run by `farm db upgrade`, which knows the database")
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True, transactional_ddl=False)
    context.run_migrations()


run()
