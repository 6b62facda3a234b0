"""Registered models: answered from MLflow's tables, without waking MLflow. What writes goes through /mlflow."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import Request

from gureum.gateways.http.access import SIGNED_IN, CurrentActor, Routes, on
from gureum.gateways.http.experiment_models import ModelDetail, ModelSummary, ModelVersionEntry
from gureum.names import Kind
from gureum.tracking.models import Models
from gureum.types import Permission

__all__ = ["routes"]

routes = Routes("models")


def _models(request: Request) -> Models:
    models = request.app.state.models
    assert isinstance(models, Models)
    return models


@routes.add("GET", "/models", allow=SIGNED_IN)
def list_models(actor: CurrentActor, request: Request) -> list[ModelSummary]:
    """The registered models that one may read, the last changed first."""
    return [ModelSummary(**asdict(model)) for model in _models(request).list(actor)]


@routes.add("GET", "/models/{name}", allow=on(Kind.MODEL, Permission.READ))
def show_model(name: str, actor: CurrentActor, request: Request) -> ModelDetail:
    """One model with its versions, newest first."""
    models = _models(request)
    versions = [ModelVersionEntry(**asdict(version)) for version in models.versions(name, actor)]
    return ModelDetail(**asdict(models.model(name, actor)), all_versions=versions)
