"""What runs transactions: SQLite files; other databases beside it later."""
