"""One run of an experiment."""

from __future__ import annotations

from typing import Any

import typer

from gureum.cli.connect import open_client
from gureum.cli.options import Folder, Json, Url
from gureum.cli.show import as_pairs, as_time, print_json, print_rows

__all__ = ["run_app", "show_run"]

run_app = typer.Typer(no_args_is_help=True, help="One run of an experiment.")


@run_app.command("show")
def run_show(run_id: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """One run: parameters, last metrics, the tables and versions that it read."""
    with open_client(folder, url) as client:
        show_run(client.run(run_id).describe(), as_json)


@run_app.command("findings")
def run_findings(run_id: str, folder: Folder = None, url: Url = None, as_json: Json = False) -> None:
    """What the training debugger found in a run: each cause with its evidence, remedy and code change."""
    with open_client(folder, url) as client:
        body = client.run(run_id).findings().to_dict()
    if as_json:
        print_json(body)
    elif not body["watched"]:
        print("not watched: train it inside of `with gureum.debugger.watch(model):` while its run is active")
    else:
        show_findings(body["found"])


def show_findings(found: dict[str, Any]) -> None:
    print(
        f"{found['framework']}, {found['steps']} {found['unit']}s: {len(found['findings'])} findings of {found['rules']} rules"
    )
    for one in found["findings"]:
        where = [f"layer {one['layer']}"] if one["layer"] else []
        where += [f"{found['unit']} {one['step']}"] if one["step"] is not None else []
        where += [f"epoch {one['epoch']}"] if one["epoch"] is not None else []
        print(
            f"\n[{one['severity']}] {one['rule']}: {one['title']['en']}" + (f" ({', '.join(where)})" if where else "")
        )
        print(f"  evidence: {as_pairs(one['evidence'])}")
        print(f"  limits: {as_pairs(one['thresholds'])}")
        print(f"  remedy: {one['remedy']['en']}")
        for sign, side in (("-", "before"), ("+", "after")):
            for line in (one["change"] or {}).get(side, "").splitlines():
                print(f"    {sign} {line}")
        print(f"  source: {one['source']}")
        if one["explains"]:
            print(f"  also explains: {', '.join(one['explains'])}")


def show_run(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(body)
        return
    print(f"{body['id']}  {body['name']}  {body['status']}  of {body['experiment']}, by {body['user']}")
    print(f"started {as_time(body['started_at_ms'])}, ended {as_time(body['ended_at_ms']) or 'not yet'}")
    for rows in (
        [{"metric": m["name"], "value": m["value"], "step": m["step"]} for m in body["metrics"]],
        [{"parameter": key, "value": value} for key, value in body["params"].items()],
        [{"table": table["name"], "version": table["version"]} for table in body["tables"]],
    ):
        if rows:
            print()
            print_rows(rows, **dict.fromkeys(rows[0]))
