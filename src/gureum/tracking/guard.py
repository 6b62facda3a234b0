"""The catalog at the door of MLflow's stores: who may call which method on which experiment or model.

Called by `hosted.py`, which gives MLflow's handlers a guarded store instead of a bare one; every protocol of MLflow (REST,
GraphQL, its UI, OpenTelemetry) goes through the store, so one table of methods guards them all. Promise: a method that is
not in the table is refused, whatever a newer MLflow adds.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from mlflow.entities import ExperimentTag, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList
from mlflow.utils.mlflow_tags import MLFLOW_USER

from gureum.catalog.catalog import EVERYONE, SYSTEM, Catalog
from gureum.errors import Conflict, GureumError, InvalidInput, NotFound, PermissionDenied
from gureum.names import Kind, check_name
from gureum.tracking.errors import to_mlflow
from gureum.types import Actor, Permission

__all__ = ["ACTOR", "Guard", "guarded_registry", "guarded_tracking"]

# Who asks, for the length of one request; threads that work for it inherit it.
ACTOR: ContextVar[Actor] = ContextVar("gureum_actor")

OWNER_TAG = "gureum.owner"
DEFAULT_EXPERIMENT = "Default"

# Runs, traces and logged models never move to another experiment, so what was looked up once holds.
REMEMBERED_MAX = 50_000

# Artifacts lie where we say, never where a client says: MLflow would read any path of this machine for it.
ARTIFACT_SCHEMES = ("mlflow-artifacts:", "runs:", "models:")
LOCATION_TAGS = frozenset({"mlflow.artifactLocation"})

R, W, M = Permission.READ, Permission.WRITE, Permission.MANAGE


class Guard:
    """What both stores ask: may the current actor do this with that experiment or model?"""

    def __init__(self, catalog: Catalog, tracking: Any, registry: Any) -> None:
        self.catalog = catalog
        self.tracking = tracking
        self.registry = registry
        self._names: dict[str, str] = {}
        self._experiment_of: dict[tuple[str, str], str] = {}

    @property
    def actor(self) -> Actor:
        return ACTOR.get()

    def heal(self) -> None:
        """Give a name in the catalog to what has none: an older folder's, or what a crash left between two commits."""
        for experiment in _all_pages(functools.partial(self.tracking.search_experiments, ViewType.ALL)):
            self._adopt(Kind.EXPERIMENT, experiment.name, experiment.tags.get(OWNER_TAG))
        for model in _all_pages(self.registry.search_registered_models):
            self._adopt(Kind.MODEL, model.name, model.tags.get(OWNER_TAG))

    def _adopt(self, kind: Kind, name: str, owner: str | None) -> None:
        with contextlib.suppress(Conflict, InvalidInput):  # it is there; or nobody but MLflow could have named it so
            self.catalog.create(name, Actor(owner, SYSTEM.role) if owner else SYSTEM, kind=kind, spec={})
            if name == DEFAULT_EXPERIMENT and kind is Kind.EXPERIMENT:
                # A client that names no experiment means this one.
                self.catalog.grant(SYSTEM, kind=kind, name=name, grantee=EVERYONE, permission=W)

    # --- what is meant ---------------------------------------------------------------------------------------------

    def experiment(self, experiment_id: str, permission: Permission) -> None:
        """Raises NotFound or PermissionDenied unless the actor has `permission` on the experiment."""
        name = self._name(str(experiment_id))
        try:
            self.catalog.resolve(name, self.actor, permission, kind=Kind.EXPERIMENT)
        except NotFound as error:
            # By its number, as it was asked for: the name is not theirs to know.
            raise NotFound(f"experiment {experiment_id!r} does not exist", code="experiment.not_found") from error

    def may_read(self, name: str, kind: Kind) -> bool:
        with contextlib.suppress(NotFound):
            self.catalog.resolve(name, self.actor, R, kind=kind)
            return True
        return False

    def model(self, name: str, permission: Permission) -> None:
        self.catalog.resolve(name, self.actor, permission, kind=Kind.MODEL)

    def run(self, run_id: str, permission: Permission) -> None:
        self.experiment(self._owner_of("run", run_id), permission)

    def logged_model(self, model_id: str, permission: Permission) -> None:
        self.experiment(self._owner_of("model", model_id), permission)

    def trace(self, trace_id: str, permission: Permission) -> None:
        self.experiment(self._owner_of("trace", trace_id), permission)

    def dataset(self, dataset_id: str, permission: Permission) -> None:
        found = self.tracking.get_dataset_experiment_ids(dataset_id)
        if not found:
            raise NotFound(f"dataset {dataset_id!r} does not exist", code="dataset.not_found")
        for experiment_id in found:
            self.experiment(experiment_id, permission)

    def artifact(self, path: str, permission: Permission) -> None:
        """`path` below the artifact root: <experiment>/<run or 'models'>/... A model's readers may read its files too."""
        experiment_id = path.strip("/").split("/", 1)[0]
        if not experiment_id.isdigit():
            raise NotFound(f"there are no artifacts at {path!r}", code="artifact.not_found")
        try:
            self.experiment(experiment_id, permission)
        except (NotFound, PermissionDenied):
            if permission is not R or not self._is_of_a_readable_model(path):
                raise

    def forget_name(self, experiment_id: str) -> None:
        self._names.pop(str(experiment_id), None)

    def name(self, experiment_id: str) -> str:
        return self._name(str(experiment_id))

    def _name(self, experiment_id: str) -> str:
        if experiment_id not in self._names:
            self._names[experiment_id] = self.tracking.get_experiment(experiment_id).name
        return self._names[experiment_id]

    def _owner_of(self, kind: str, thing_id: str) -> str:
        key = (kind, str(thing_id))
        found = self._experiment_of.get(key)
        if found is None:
            if kind == "run":
                found = self.tracking.get_run(thing_id).info.experiment_id
            elif kind == "model":
                found = self.tracking.get_logged_model(thing_id, allow_deleted=True).experiment_id
            else:
                found = self.tracking.get_trace_info(thing_id).experiment_id
            if len(self._experiment_of) >= REMEMBERED_MAX:
                self._experiment_of.clear()
            self._experiment_of[key] = str(found)
        return str(found)

    def _is_of_a_readable_model(self, path: str) -> bool:
        for model in _all_pages(self.registry.search_registered_models):
            if not self.may_read(model.name, Kind.MODEL):
                continue
            for version in _all_pages(self.registry.search_model_versions, filter_string=_named(model.name)):
                place = self.registry.get_model_version_download_uri(model.name, version.version)
                below = place.partition("mlflow-artifacts:")[2].strip("/")
                if below and (path.strip("/") + "/").startswith(below + "/"):
                    return True
        return False


# --- the table of methods ----------------------------------------------------------------------------------------------

# A method, the argument that says what it is about, and what one must be allowed on that. An argument that is a list is
# checked item by item. `None` needs no permission: it shows nothing of anybody's.
TRACKING: Mapping[str, tuple[str, Permission] | None] = {
    **dict.fromkeys(
        ("flush_async_logging", "end_async_logging", "shut_down_async_logging", "sanitize_metric_value"), None
    ),
    "get_experiment": ("experiment_id", R),
    "filter_active_experiment_ids": ("experiment_ids", R),
    "set_experiment_tag": ("experiment_id", W),
    "delete_experiment_tag": ("experiment_id", W),
    "delete_experiment": ("experiment_id", M),
    "restore_experiment": ("experiment_id", M),
    "get_run": ("run_id", R),
    "update_run_info": ("run_id", W),
    "delete_run": ("run_id", W),
    "restore_run": ("run_id", W),
    "search_runs": ("experiment_ids", R),
    "log_batch": ("run_id", W),
    "log_batch_async": ("run_id", W),
    "log_metric": ("run_id", W),
    "log_metric_async": ("run_id", W),
    "log_param": ("run_id", W),
    "log_param_async": ("run_id", W),
    "set_tag": ("run_id", W),
    "set_tag_async": ("run_id", W),
    "delete_tag": ("run_id", W),
    "log_inputs": ("run_id", W),
    "log_outputs": ("run_id", W),
    "record_logged_model": ("run_id", W),
    "get_metric_history": ("run_id", R),
    "get_metric_history_bulk": ("run_ids", R),
    "get_metric_history_bulk_interval": ("run_ids", R),
    "get_metric_history_bulk_interval_from_steps": ("run_id", R),
    "get_max_step_for_metric": ("run_id", R),
    "search_datasets": ("experiment_ids", R),
    "create_logged_model": ("experiment_id", W),
    "get_logged_model": ("model_id", R),
    "finalize_logged_model": ("model_id", W),
    "set_logged_model_tags": ("model_id", W),
    "delete_logged_model_tag": ("model_id", W),
    "delete_logged_model": ("model_id", W),
    "log_logged_model_params": ("model_id", W),
    "search_logged_models": ("experiment_ids", R),
    "set_model_versions_tags": ("model_id", W),
    "get_trace_info": ("trace_id", R),
    "get_trace": ("trace_id", R),
    "delete_trace_tag": ("trace_id", W),
    "delete_traces": ("experiment_id", W),
    "deprecated_start_trace_v2": ("experiment_id", W),
    "deprecated_end_trace_v2": ("request_id", W),
    "search_traces": ("experiment_ids", R),
    "query_trace_metrics": ("experiment_ids", R),
    "calculate_trace_filter_correlation": ("experiment_ids", R),
    "batch_get_traces": ("trace_ids", R),
    "batch_get_trace_infos": ("trace_ids", R),
    "log_spans": ("location", W),
    "log_spans_async": ("location", W),
    "link_traces_to_run": ("run_id", W),
    "unlink_traces_from_run": ("run_id", W),
    "create_assessment": ("assessment", W),
    "get_assessment": ("trace_id", R),
    "update_assessment": ("trace_id", W),
    "delete_assessment": ("trace_id", W),
    "create_dataset": ("experiment_ids", W),
    "get_dataset": ("dataset_id", R),
    "get_dataset_experiment_ids": ("dataset_id", R),
    "delete_dataset": ("dataset_id", W),
    "set_dataset_tags": ("dataset_id", W),
    "delete_dataset_tag": ("dataset_id", W),
    "upsert_dataset_records": ("dataset_id", W),
    "list_scorers": ("experiment_id", R),
    "list_scorer_versions": ("experiment_id", R),
    "get_scorer": ("experiment_id", R),
    "list_label_schemas": ("experiment_id", R),
    "list_review_queues": ("experiment_id", R),
    "search_issues": ("experiment_id", R),
}

REGISTRY: Mapping[str, tuple[str, Permission] | None] = {
    "get_registered_model": ("name", R),
    "update_registered_model": ("name", W),
    "get_latest_versions": ("name", R),
    "set_registered_model_tag": ("name", W),
    "delete_registered_model_tag": ("name", W),
    "update_model_version": ("name", W),
    "transition_model_version_stage": ("name", W),
    "delete_model_version": ("name", W),
    "get_model_version": ("name", R),
    "get_model_version_download_uri": ("name", R),
    "get_model_version_by_alias": ("name", R),
    "set_model_version_tag": ("name", W),
    "delete_model_version_tag": ("name", W),
    "set_registered_model_alias": ("name", W),
    "delete_registered_model_alias": ("name", W),
    **{f"{act}_prompt{what}": ("name", R) for act in ("get",) for what in ("", "_version", "_version_by_alias")},
    "search_prompt_versions": ("name", R),
    "create_prompt_version": ("name", W),
    **{f"{act}_prompt{what}": ("name", W) for act in ("set", "delete") for what in ("_alias", "_tag", "_version_tag")},
    "delete_prompt_version": ("name", W),
    "delete_prompt": ("name", M),
}

# How each argument of the tables is looked at. `location` of spans and `assessment` carry their experiment or trace.
_SUBJECTS: Mapping[str, Callable[[Guard, Any, Permission], None]] = {
    "experiment_id": Guard.experiment,
    "experiment_ids": Guard.experiment,
    "location": Guard.experiment,
    "run_id": Guard.run,
    "run_ids": Guard.run,
    "model_id": Guard.logged_model,
    "trace_id": Guard.trace,
    "request_id": Guard.trace,
    "trace_ids": Guard.trace,
    "dataset_id": Guard.dataset,
    "name": Guard.model,
    "assessment": lambda guard, assessment, permission: guard.trace(assessment.trace_id, permission),
}


class _Guarded:
    """A store in which each public method first asks the table. `own` are the methods that need more than a check."""

    def __init__(
        self,
        guard: Guard,
        store: Any,
        table: Mapping[str, tuple[str, Permission] | None],
        own: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._guard = guard
        self._store = store
        self._table = table
        self._own = own

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name.startswith("_") or not callable(found):
            return found
        if name in self._own:
            checked: Callable[..., Any] = functools.partial(self._own[name], self._guard)
        elif name in self._table:
            checked = self._checked(found, self._table[name])
        else:
            checked = _refuse(name)
        translated = _in_mlflow_words(checked)
        self.__dict__[name] = translated  # made once a method
        return translated

    def _checked(self, method: Callable[..., Any], rule: tuple[str, Permission] | None) -> Callable[..., Any]:
        if rule is None:
            return method
        argument, permission = rule
        look = _SUBJECTS[argument]
        signature = inspect.signature(method)
        guard = self._guard

        def call(*positional: Any, **named: Any) -> Any:
            value = signature.bind(*positional, **named).arguments.get(argument)
            for one in value if isinstance(value, (list, tuple, set)) else [value]:
                look(guard, one, permission)
            return method(*positional, **named)

        return call


def _refuse(name: str) -> Callable[..., Any]:
    def refuse(*_positional: Any, **_named: Any) -> Any:
        raise PermissionDenied(f"gureum does not offer MLflow's {name}", code="mlflow.not_offered")

    return refuse


def _in_mlflow_words(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*positional: Any, **named: Any) -> Any:
        try:
            return function(*positional, **named)
        except GureumError as error:
            raise to_mlflow(error) from error

    return call


# --- the methods that do more than check -------------------------------------------------------------------------------


def guarded_tracking(guard: Guard) -> Any:
    """The tracking store as MLflow's handlers get it."""
    return _Guarded(guard, guard.tracking, TRACKING, _TRACKING_OWN)


def guarded_registry(guard: Guard) -> Any:
    """The model registry as MLflow's handlers get it."""
    return _Guarded(guard, guard.registry, REGISTRY, _REGISTRY_OWN)


def _create_experiment(
    guard: Guard, name: str, artifact_location: str | None = None, tags: list[Any] | None = None
) -> str:
    check_name(Kind.EXPERIMENT, name)
    if artifact_location:
        raise InvalidInput(
            "artifacts lie where gureum keeps them", code="experiment.location", hint="leave artifact_location out"
        )
    owner = ExperimentTag(OWNER_TAG, guard.actor.user)
    # The tag is in MLflow's own commit: should we die before ours, `heal` knows whose it is.
    created: str = guard.tracking.create_experiment(name, None, [*_without_owner(tags), owner])
    guard.catalog.create(name, guard.actor, kind=Kind.EXPERIMENT, spec={})
    return created


def _get_experiment_by_name(guard: Guard, experiment_name: str) -> Any:
    found = guard.tracking.get_experiment_by_name(experiment_name)
    return found if found is not None and guard.may_read(experiment_name, Kind.EXPERIMENT) else None


def _rename_experiment(guard: Guard, experiment_id: str, new_name: str) -> None:
    guard.experiment(experiment_id, M)
    name = guard.name(experiment_id)
    guard.catalog.rename(name, new_name, guard.actor, kind=Kind.EXPERIMENT)
    try:
        guard.tracking.rename_experiment(experiment_id, new_name)
    except MlflowException:
        guard.catalog.rename(new_name, name, SYSTEM, kind=Kind.EXPERIMENT)
        raise
    finally:
        guard.forget_name(experiment_id)


def _search_experiments(guard: Guard, *positional: Any, **named: Any) -> PagedList[Any]:
    return _readable_page(guard, Kind.EXPERIMENT, guard.tracking.search_experiments, positional, named)


def _create_run(guard: Guard, experiment_id: str, user_id: str, start_time: int, tags: list[Any], run_name: str) -> Any:
    guard.experiment(experiment_id, W)
    del user_id  # who started it is what we know, not what the client says: MLflow sends the operating system's user
    user = guard.actor.user
    tags = [*(tag for tag in tags if tag.key != MLFLOW_USER), RunTag(MLFLOW_USER, user)]
    return guard.tracking.create_run(experiment_id, user, start_time, tags, run_name)


def _set_trace_tag(guard: Guard, trace_id: str, key: str, value: str) -> None:
    guard.trace(trace_id, W)
    if key in LOCATION_TAGS:
        raise InvalidInput(f"the tag {key!r} is not a client's to set", code="trace.location")
    guard.tracking.set_trace_tag(trace_id, key, value)


def _start_trace(guard: Guard, trace_info: Any) -> Any:
    guard.experiment(trace_info.experiment_id, W)
    for key in LOCATION_TAGS:
        trace_info.tags.pop(key, None)
    return guard.tracking.start_trace(trace_info)


def _create_registered_model(
    guard: Guard, name: str, tags: list[Any] | None = None, description: str | None = None, **more: Any
) -> Any:
    from mlflow.entities.model_registry import RegisteredModelTag

    check_name(Kind.MODEL, name)
    owner = RegisteredModelTag(OWNER_TAG, guard.actor.user)
    created = guard.registry.create_registered_model(name, [*_without_owner(tags), owner], description, **more)
    guard.catalog.create(name, guard.actor, kind=Kind.MODEL, spec={})
    return created


def _rename_registered_model(guard: Guard, name: str, new_name: str) -> Any:
    guard.catalog.rename(name, new_name, guard.actor, kind=Kind.MODEL)
    try:
        return guard.registry.rename_registered_model(name, new_name)
    except MlflowException:
        guard.catalog.rename(new_name, name, SYSTEM, kind=Kind.MODEL)
        raise


def _delete_registered_model(guard: Guard, name: str) -> None:
    guard.model(name, M)
    guard.registry.delete_registered_model(name)
    guard.catalog.delete(name, guard.actor, kind=Kind.MODEL)


def _search_registered_models(guard: Guard, *positional: Any, **named: Any) -> PagedList[Any]:
    return _readable_page(guard, Kind.MODEL, guard.registry.search_registered_models, positional, named)


def _search_model_versions(guard: Guard, *positional: Any, **named: Any) -> PagedList[Any]:
    return _readable_page(guard, Kind.MODEL, guard.registry.search_model_versions, positional, named)


def _create_model_version(guard: Guard, name: str, source: str, run_id: str | None = None, **more: Any) -> Any:
    guard.model(name, W)
    if not str(source).startswith(ARTIFACT_SCHEMES):
        raise InvalidInput(
            f"a model version comes from a run's artifacts, not from {source!r}",
            code="model.source",
            hint="log the model in a run, then register it from there",
        )
    # Whoever may read the model may read its files: one who may not read the run must not open it to others.
    scheme, _, rest = str(source).partition(":")
    if scheme == "models":
        guard.logged_model(rest.strip("/").split("/")[0], R)
    elif scheme == "runs":
        guard.run(rest.strip("/").split("/")[0], R)
    else:
        guard.artifact(rest, R)
    return guard.registry.create_model_version(name, source, run_id, **more)


def _copy_model_version(guard: Guard, src_mv: Any, dst_name: str) -> Any:
    guard.model(src_mv.name, R)
    if dst_name not in {model.name for model in _all_pages(guard.registry.search_registered_models)}:
        _create_registered_model(guard, dst_name)
    guard.model(dst_name, W)
    return guard.registry.copy_model_version(src_mv, dst_name)


_TRACKING_OWN: Mapping[str, Callable[..., Any]] = {
    "create_experiment": _create_experiment,
    "get_experiment_by_name": _get_experiment_by_name,
    "rename_experiment": _rename_experiment,
    "search_experiments": _search_experiments,
    "create_run": _create_run,
    "set_trace_tag": _set_trace_tag,
    "start_trace": _start_trace,
}
_REGISTRY_OWN: Mapping[str, Callable[..., Any]] = {
    "create_registered_model": _create_registered_model,
    "rename_registered_model": _rename_registered_model,
    "delete_registered_model": _delete_registered_model,
    "search_registered_models": _search_registered_models,
    "search_model_versions": _search_model_versions,
    "create_model_version": _create_model_version,
    "copy_model_version": _copy_model_version,
    "list_webhooks_by_event": lambda _guard, *_positional, **_named: PagedList([], None),
}


def _readable_page(
    guard: Guard, kind: Kind, search: Callable[..., Any], positional: tuple[Any, ...], named: dict[str, Any]
) -> PagedList[Any]:
    """The next page with something in it that the actor may read; pages of others' things are passed over."""
    arguments = inspect.signature(search).bind(*positional, **named)
    while True:
        page = search(*arguments.args, **arguments.kwargs)
        readable = [thing for thing in page if guard.may_read(thing.name, kind)]
        if readable or not page.token:
            return PagedList(readable, page.token)
        arguments.arguments["page_token"] = page.token


def _all_pages(search: Callable[..., Any], **named: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(page_token=token, **named)
        found += page
        token = page.token
        if not token:
            return found


def _without_owner(tags: list[Any] | None) -> list[Any]:
    return [tag for tag in tags or [] if tag.key != OWNER_TAG]


def _named(name: str) -> str:
    escaped = name.replace("'", "''")
    return f"name = '{escaped}'"
