"""Every released schema, migrated."""
