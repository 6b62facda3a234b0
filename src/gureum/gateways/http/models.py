"""The JSON bodies of the REST door: the contract that OpenAPI, Studio's typed client and the SDK are made from.

Called by the routes beside it. Promise: a field's unit is the end of its name (`_ms`, `_bytes`, `_s`); times are integer
milliseconds since 1970 UTC; a missing value is null, never an empty string.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gureum.types import Permission, Role


class Body(BaseModel):
    """A request: unknown fields are refused, so that a typing mistake is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


# --- who -------------------------------------------------------------------------------------------------------------


class SignIn(Body):
    name: str
    password: str


class LinkSignIn(Body):
    """A one-time link's code. The very first one also makes the first administrator: then name and password are set."""

    code: str
    name: str | None = None
    password: str | None = None


class Me(BaseModel):
    name: str
    role: Role
    groups: list[str]
    via: str


class LinkState(BaseModel):
    """What a one-time link is for: `first_admin` asks for a name and a password, `sign_in` just signs in."""

    purpose: Literal["first_admin", "sign_in"]
    name: str | None


class User(BaseModel):
    name: str
    role: Role
    groups: list[str]
    active: bool
    created_at_ms: int


class NewUser(Body):
    name: str
    role: Role = Role.EDITOR
    password: str | None = None


class UserChange(Body):
    role: Role | None = None
    active: bool | None = None
    password: str | None = None


class Group(BaseModel):
    name: str
    members: list[str]


class GroupMembers(Body):
    members: list[str]


class Token(BaseModel):
    id: str
    label: str
    created_at_ms: int
    expires_at_ms: int | None
    last_used_at_ms: int | None


class NewToken(Body):
    label: str
    expires_in_days: float | None = Field(default=90, gt=0, le=3650)


class TokenSecret(Token):
    token: str = Field(description="shown once, stored only as a hash")


class AccessKey(BaseModel):
    access_key_id: str
    label: str
    created_at_ms: int


class NewAccessKey(Body):
    label: str = ""


class AccessKeySecret(AccessKey):
    secret_access_key: str = Field(description="shown once, stored sealed")


class Grant(BaseModel):
    kind: str
    name: str
    grantee: str = Field(
        description="a user's name, or a group's as 'group:<name>'; 'group:everyone' is all who sign in"
    )
    permission: Permission


class GrantChange(Body):
    kind: str
    name: str
    grantee: str
    permission: Permission | None = Field(description="null takes the grant away")


class AuditEntry(BaseModel):
    id: int
    at_ms: int
    actor: str
    action: str
    kind: str
    name: str
    outcome: str
    detail: dict[str, Any]


class AuditPage(BaseModel):
    entries: list[AuditEntry]
    next_before: int | None


# --- what runs -------------------------------------------------------------------------------------------------------


class ProcessState(BaseModel):
    name: str
    pid: int | None
    state: Literal["starting", "running", "asleep", "waiting", "stopped", "failed"]
    restarts: int
    since_ms: int
    memory_bytes: int | None
    cpu_s: float | None
    last_error: str | None


class Problem(BaseModel):
    """Something that is wrong now, the thing it is about, and what to do."""

    severity: Literal["error", "warning"]
    about: str = Field(description="kind:name, such as 'query:machine_windows' or 'process:kinesis'")
    message: str
    hint: str | None
    since_ms: int | None


class PlatformStatus(BaseModel):
    version: str
    started_at_ms: int
    now_ms: int
    data_folder: str | None = Field(description="null for those who are not administrators")
    kinesis_endpoint: str | None
    disk_free_bytes: int
    processes: list[ProcessState]
    problems: list[Problem]
    counts: dict[str, int] = Field(description="how many streams, tables, queries, dashboards the asker may see")


# --- streams ---------------------------------------------------------------------------------------------------------


class ColumnModel(BaseModel):
    name: str
    type: str
    nullable: bool = True


class Stream(BaseModel):
    name: str
    owner: str
    shards: int
    retention_h: int
    created_at_ms: int
    records: int
    bytes: int
    records_per_s: float
    bytes_per_s: float
    last_arrival_ms: int | None
    permission: Permission = Field(description="the most that the asker may do")
    system: bool = Field(description="made by gureum itself, such as the access log")


class Shard(BaseModel):
    id: str
    open: bool
    hash_start: str
    hash_end: str
    records: int
    bytes: int
    records_per_s: float
    first_sequence: str | None
    last_sequence: str | None
    last_arrival_ms: int | None
    problem: str | None


class ThroughputPoint(BaseModel):
    at_ms: int
    records: int
    bytes: int


class StreamDetail(Stream):
    stream_shards: list[Shard]
    throughput: list[ThroughputPoint] = Field(description="one point per 5 s over the last 10 minutes, oldest first")
    columns: list[ColumnModel] = Field(description="declared, or inferred from the newest records")
    readers: list[str] = Field(description="names of standing queries that read it")


class NewStream(Body):
    name: str
    shards: int = Field(default=1, ge=1, le=256)
    retention_h: int = Field(default=24, ge=24, le=8760)


class PutRecord(Body):
    """`data` is any JSON value, or with `encoding='base64'` the text of raw bytes."""

    data: Any
    key: str | None = None
    encoding: Literal["json", "base64"] = "json"


class PutRecords(Body):
    records: list[PutRecord] = Field(min_length=1, max_length=500)


class PutPosition(BaseModel):
    shard: str
    sequence: str


class PutResult(BaseModel):
    positions: list[PutPosition]


class StreamRecord(BaseModel):
    shard: str
    sequence: str
    key: str
    arrived_at_ms: int
    bytes: int
    data: Any = Field(description="the JSON value, or text; base64 when neither")
    encoding: Literal["json", "text", "base64"]


class RecordPage(BaseModel):
    records: list[StreamRecord]
    next: str | None = Field(description="pass as `after` for the next page; null at the end")


# --- tables and SQL --------------------------------------------------------------------------------------------------


class Table(BaseModel):
    name: str = Field(description="schema.table")
    owner: str
    version: int | None
    rows: int | None
    bytes: int | None
    files: int | None
    updated_at_ms: int | None
    comment: str | None
    permission: Permission
    problem: str | None = None


class TableDetail(Table):
    columns: list[ColumnModel]
    partition_columns: list[str]
    properties: dict[str, str]
    location: str
    written_by: list[str] = Field(description="names of standing queries that append to it")


class TableVersion(BaseModel):
    version: int
    at_ms: int
    operation: str
    user: str | None
    parameters: dict[str, Any]
    metrics: dict[str, Any]


class TableRead(BaseModel):
    name: str
    version: int


class SqlRequest(Body):
    sql: str
    id: str | None = Field(default=None, description="chosen by the caller, to cancel it with DELETE /api/sql/{id}")
    parameters: list[Any] | None = None
    rows_max: int = Field(default=10_000, ge=1, le=100_000)
    timeout_s: float | None = Field(default=None, gt=0)


class SqlResult(BaseModel):
    id: str
    statement: str = Field(description="SELECT, INSERT, CREATE TABLE, ...")
    columns: list[ColumnModel]
    rows: list[list[Any]] = Field(
        description="integers beyond 2**53 and decimals as text, binary as base64, times as ISO text"
    )
    row_count: int
    truncated: bool
    affected_rows: int | None
    tables: list[str]
    read: list[TableRead] = Field(description="the tables and versions that the rows were read from")
    elapsed_ms: float


class CompletionTable(BaseModel):
    name: str
    kind: Literal["table", "stream"]
    columns: list[ColumnModel]


class Completion(BaseModel):
    tables: list[CompletionTable]
    functions: list[str]
    keywords: list[str]


# --- standing queries and alerts -------------------------------------------------------------------------------------


class AlertSpec(Body):
    """Tell `notify` once when a key crosses into `when`, and once when it is back.

    Without `when`, the query's last filter (HAVING or WHERE) is the threshold. Without `key`, the group-by columns.
    """

    when: str | None = None
    key: list[str] | None = None
    notify: list[str] = Field(
        default_factory=list,
        description="'log', 'stream:<name>', or a destination's name, for a webhook",
    )


class NewQuery(Body):
    name: str
    sql: str
    into: str | None = Field(
        default=None, description="the table or 'stream:<name>' to append to, when sql is a bare SELECT"
    )
    alert: AlertSpec | None = None
    start: bool = True
    checkpoint_s: float = Field(default=5.0, ge=0.1, le=600)


class QueryStatus(BaseModel):
    state: Literal["waiting", "running", "draining", "stopped", "failed"]
    watermark_ms: int | None
    lag_ms: int | None = Field(description="how long the oldest unread record has waited; 0 when all is read")
    records_behind: int
    rows_in: int
    rows_out: int
    rows_in_per_s: float
    rows_out_per_s: float
    late_rows: int
    dead_letters: int
    open_windows: int
    state_bytes: int
    checkpoint: int | None
    checkpoint_at_ms: int | None
    error: str | None
    hint: str | None


class Query(BaseModel):
    name: str
    owner: str
    sql: str
    sources: list[str]
    into: str
    late_table: str
    dead_letter_table: str
    alert: AlertSpec | None
    checkpoint_s: float
    desired: Literal["running", "stopped", "drained"]
    created_at_ms: int
    columns: list[ColumnModel]
    permission: Permission
    status: QueryStatus


class QueryCheckRequest(Body):
    sql: str
    into: str | None = None
    alert: AlertSpec | None = None


class QueryCheck(BaseModel):
    """What a query would be: its plan in words and the columns it writes. Errors come as problem bodies with line and column."""

    plan: str
    sources: list[str]
    into: str | None
    columns: list[ColumnModel]


class StartQuery(Body):
    reset: bool = Field(default=False, description="forget the state and read the streams again from their beginning")


class StopQuery(Body):
    drain: bool = Field(default=False, description="close all open windows first, as at the end of the input")


class QueryRows(BaseModel):
    columns: list[ColumnModel]
    rows: list[list[Any]]
    version: int


class AlertEvent(BaseModel):
    id: str
    query: str
    key: dict[str, Any]
    state: Literal["firing", "recovered"]
    at_ms: int
    row: dict[str, Any]


class FiringAlert(BaseModel):
    query: str
    key: dict[str, Any]
    since_ms: int
    row: dict[str, Any]


class Alerts(BaseModel):
    firing: list[FiringAlert]
    events: list[AlertEvent] = Field(description="newest first")


class Destination(BaseModel):
    name: str
    owner: str
    type: Literal["webhook"]
    url_shown: str = Field(description="scheme and host only: the rest may be a secret")


class NewDestination(Body):
    name: str
    type: Literal["webhook"] = "webhook"
    url: str


# --- dashboards ------------------------------------------------------------------------------------------------------


class Widget(Body):
    """One chart. `x`, `y`, `series` name columns of the rows that `sql` gives."""

    id: str
    title: str
    type: Literal["line", "bar", "table", "counter", "alerts"]
    sql: str | None = None
    x: str | None = None
    y: list[str] = Field(default_factory=list)
    series: str | None = None
    unit: str | None = None
    threshold: float | None = None
    width: Literal[1, 2, 3] = 1
    height: Literal[1, 2] = 1


class DashboardSpec(Body):
    title: str
    widgets: list[Widget] = Field(default_factory=list, max_length=60)


class Dashboard(BaseModel):
    name: str
    owner: str
    version: int
    updated_at_ms: int
    permission: Permission
    spec: DashboardSpec


class NewDashboard(Body):
    name: str
    spec: DashboardSpec


class DashboardChange(Body):
    spec: DashboardSpec
    expect_version: int | None = None
