"""Every limit of nbconvex, in one place, with its reason.

Owns:  `Limits`, the numbers a backend works with.
Must not know: who enforces them.
A limit that is reached raises `LimitExceededError` with the field's name as its `limit`; at 80 % a log line warns.
Source: semantics 1.9.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

MIB = 1024 * 1024

#: Stands for "no limit" in a field of `Limits`.
UNLIMITED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one backend.

    Units:  names end in their unit; a plain count has none.
    """

    # One function run.
    query_time_s: float = 1.0
    action_time_s: float = 1800.0
    arguments_bytes: int = 16 * MIB
    result_bytes: int = 16 * MIB
    log_lines: int = 256
    log_line_bytes: int = 4096
    nested_calls: int = 8

    # One transaction.
    read_bytes: int = 16 * MIB
    documents_read: int = 32_000
    database_queries: int = 4_096
    written_bytes: int = 16 * MIB
    documents_written: int = 16_000
    functions_scheduled: int = 1_000
    scheduled_arguments_bytes: int = 16 * MIB
    scheduled_call_bytes: int = 4 * MIB
    trigger_depth: int = 64

    # One schedule.
    scheduled_pending: int = 1_000_000
    jobs_in_parallel: int = 8

    # One migration.
    migration_batch: int = 1_000

    # The variables of one store.
    env_variables: int = 1_000
    env_name_length: int = 40
    env_value_bytes: int = 8_192

    # One value.
    document_bytes: int = MIB
    object_fields: int = 1_024
    document_nesting: int = 16
    argument_nesting: int = 64
    array_length: int = 8_192
    identifier_length: int = 64
    field_name_bytes: int = 1_024

    # One schema.
    tables: int = 10_000
    table_numbers: int = 1_000_000
    indexes_per_table: int = 32
    fields_per_index: int = 16
    search_indexes_per_table: int = 4
    filter_fields_per_index: int = 16
    vector_indexes_per_table: int = 4
    vector_dimensions: int = 4_096

    # One query.
    filter_operators: int = 256
    page_items: int = 32_000
    page_split_documents: int = 6_144

    # One statement of SQL.
    sql_time_s: float = 10.0
    sql_rows: int = 32_000
    sql_text_bytes: int = MIB
    sql_memory_bytes: int = 1024 * MIB
    sql_threads: int = 4

    # One search for words.
    search_words: int = 16
    search_prefix_words: int = 16
    search_expanded_words: int = 64
    search_word_bytes: int = 32
    search_filters: int = 8
    search_documents: int = 1_024

    # One search by vector.
    vector_results: int = 256
    vector_results_in_transaction: int = 8_192
    vector_conditions: int = 64

    # One mutation that keeps meeting conflicts.
    conflict_retries: int = 4

    # One file.
    file_bytes: int = 1024 * 1024 * MIB
    upload_time_s: float = 3600.0
    upload_pause_s: float = 30.0
    uploads: int = 2_000
    file_threads: int = 4

    # One import.
    import_bytes: int = 64 * 1024 * MIB
    import_line_bytes: int = 16 * MIB
    import_entries: int = 1_000_000
    import_ratio: int = 250

    # One token, and the keys that it is verified with.
    token_bytes: int = 8_192
    token_nesting: int = 16
    issuer_document_bytes: int = 256 * 1024
    issuer_time_s: float = 5.0
    key_age_s: float = 600.0
    stale_key_age_s: float = 86_400.0

    # One server.
    request_bytes: int = 16 * MIB + 2_000
    request_time_s: float = 30.0
    calls_in_flight: int = 1_000
    call_wait_s: float = 30.0
    call_threads: int = 4
    action_threads: int = 64
    sockets: int = 2_000
    queries_per_batch: int = 1_000
    http_request_bytes: int = 20 * MIB
    http_response_bytes: int = 20 * MIB
    form_parts: int = 1_000
    past_snapshots: int = 100
    past_time_s: float = 60.0

    def without(self, *names: str) -> Limits:
        """The same limits with some of them switched off."""
        return replace(self, **dict.fromkeys(names, UNLIMITED))

    @classmethod
    def off(cls) -> Limits:
        """Limits that never bind on what one transaction may read or write; those on single values stay."""
        return cls().without(
            "query_time_s",
            "read_bytes",
            "documents_read",
            "database_queries",
            "written_bytes",
            "documents_written",
            "functions_scheduled",
            "scheduled_arguments_bytes",
        )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all limits."""
        return tuple(field.name for field in fields(cls))
