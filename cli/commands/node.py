"""`gpubroker node …`: machines with GPUs, the supply of the market."""

from collections import Counter
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from cli import output
from cli.client import Json
from cli.errors import OutcomeUnknown
from cli.inputs import price
from cli.options import As, AsJson, Limit, session

app = typer.Typer(no_args_is_help=True, help="Machines with GPUs, the supply of the market.")

NodeId = Annotated[str, typer.Argument(help="The node's id.")]


def _gpus(node: output.Row) -> str:
    gpus = node.get("gpus") or []
    models = Counter(gpu["model"] for gpu in gpus)
    return ", ".join(f"{count} × {model}" for model, count in models.items())


def _states(node: output.Row) -> str:
    states = Counter(gpu["status"] for gpu in node.get("gpus") or [])
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def _percent(name: str) -> Callable[[output.Row], str]:
    return lambda reading: f"{100 * reading[name]:.0f} %"


def _age(reading: output.Row) -> str:
    return f"{reading['age_seconds']:.1f} s"


def _rate(name: str) -> Callable[[output.Row], str]:
    return lambda reading: f"{reading[name] / 1e6:.2f} MB/s"


GPU_READING: output.Columns = {
    "GPU": "gpu_index",
    "status": "status",
    "busy": _percent("gpu_utilization"),
    "memory": _percent("memory_utilization"),
    "°C": "temperature",
    "W": "power_draw",
    "age": _age,
}
NODE_READING: output.Columns = {
    "processors": _percent("cpu_utilization"),
    "memory": _percent("memory_utilization"),
    "disk": _percent("disk_utilization"),
    "received": _rate("network_receive_rate"),
    "sent": _rate("network_send_rate"),
    "age": _age,
}
COLUMNS: output.Columns = {
    "node": lambda node: node.get("id") or node.get("node_id"),
    "hostname": "hostname",
    "address": "ip_address",
    "status": "status",
    "GPUs": _gpus,
    "of these": _states,
    "price": "base_price",
}
CARD: output.Columns = {**COLUMNS, "cluster": "cluster_id", "onboarding token": "onboarding_token"}


@app.command()
def register(
    ctx: typer.Context,
    cluster_id: Annotated[str, typer.Argument(help="The cluster that it stands in.")],
    hostname: Annotated[str, typer.Option("--hostname", help="Its name on the network.")],
    ip_address: Annotated[str, typer.Option("--ip", help="Its address.")],
    model: Annotated[str, typer.Option("--gpu", "-g", help="Type of its GPUs, such as H100.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many it has.")],
    vram_gb: Annotated[int, typer.Option("--vram", help="Memory of each, GB.")],
    cuda_version: Annotated[str, typer.Option("--cuda", help="Its CUDA version.")] = "12.8",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Register a node with its GPUs; they can be sold at once."""
    opened = session(ctx)
    body = node_body(hostname, ip_address, model, count, vram_gb, cuda_version)
    with opened.client(role, "provider") as client:
        answer = client.post(f"/clusters/{cluster_id}/nodes", body)
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, CARD))


@app.command("list")
def list_nodes(
    ctx: typer.Context,
    cluster_id: Annotated[
        str | None, typer.Option("--cluster", "-c", help="Only those of this cluster.")
    ] = None,
    limit: Limit = 50,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """List the provider's nodes."""
    opened = session(ctx)
    with opened.client(role, "provider") as client:
        page = client.get(
            "/nodes", {"limit": limit, **({"cluster_id": cluster_id} if cluster_id else {})}
        )
    output.show(opened.settings, page, as_json, lambda page: output.page(page, COLUMNS, "nodes"))


@app.command()
def show(ctx: typer.Context, node_id: NodeId, role: As = None, as_json: AsJson = False) -> None:
    """Show a node."""
    opened = session(ctx)
    with opened.client(role, "provider") as client:
        answer = client.get(f"/nodes/{node_id}")
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, CARD))


@app.command()
def telemetry(
    ctx: typer.Context, node_id: NodeId, role: As = None, as_json: AsJson = False
) -> None:
    """Show the newest readings of a node's GPUs, and of the node itself."""
    opened = session(ctx)
    with opened.client(role, "provider") as client:
        answer = client.get(f"/nodes/{node_id}/telemetry")
    output.show(opened.settings, answer, as_json, _readings)


@app.command()
def pricing(
    ctx: typer.Context,
    node_id: NodeId,
    base_price: Annotated[str, typer.Option("--price", "-p", help="USD per GPU-hour.")],
    surge: Annotated[
        bool, typer.Option("--surge/--no-surge", help="May it rise with utilisation?")
    ] = False,
    relist: Annotated[
        bool, typer.Option("--relist/--no-relist", help="List anew what failing health withdrew?")
    ] = False,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Set what a node asks for by default, and whether it is listed anew."""
    body: Json = {"base_price": price(base_price), "surge_enabled": surge, "relist": relist}
    _change(ctx, "PUT", f"/nodes/{node_id}/pricing", body, role, as_json)


@app.command()
def maintenance(
    ctx: typer.Context,
    node_id: NodeId,
    end: Annotated[bool, typer.Option("--end", help="Bring it back instead.")] = False,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Take a node into maintenance, or bring it back."""
    body: Json = {"status": "available" if end else "maintenance"}
    _change(ctx, "PATCH", f"/nodes/{node_id}", body, role, as_json)


@app.command()
def remove(ctx: typer.Context, node_id: NodeId, role: As = None, as_json: AsJson = False) -> None:
    """Remove a node; leases that run on it run on."""
    _change(ctx, "DELETE", f"/nodes/{node_id}", None, role, as_json)


def _readings(answer: Json) -> RenderableType:
    gpus = output.table(answer["gpus"], GPU_READING) if answer["gpus"] else "no GPU has reported"
    return Group(gpus, output.card(answer["node"], NODE_READING)) if answer["node"] else gpus


def node_body(
    hostname: str, ip_address: str, model: str, count: int, vram_gb: int, cuda_version: str
) -> Json:
    """The API's body of a node with so many GPUs of one type."""
    gpu = {"model": model, "vram_gb": vram_gb, "cuda_version": cuda_version}
    slots = [{**gpu, "pcie_slot": slot_address(index)} for index in range(count)]
    return {"hostname": hostname, "ip_address": ip_address, "gpu_specs": slots}


def slot_address(index: int) -> str:
    """A PCIe address for the GPU of this number: distinct on its node."""
    return f"{index // 32:04x}:{index % 32 + 1:02x}:00.0"


def _change(
    ctx: typer.Context, method: str, path: str, body: Json | None, role: As, as_json: bool
) -> None:
    opened = session(ctx)
    with opened.client(role, "provider") as client:
        answer = client.call(method, path, body=body)
    if answer.get("status") == "pending":
        raise OutcomeUnknown("sent, but not done yet; look with `gpubroker node show`")
    output.show(opened.settings, answer, as_json, lambda _: "done")
