"""What the GPUs of this machine measure, as NVIDIA's driver tells it (NVML).

The package `nvidia-ml-py` and a driver are needed only where this is used. A GPU that fell off its
bus is told as offline, with nothing measured; one with memory errors that ECC could not correct
since the driver was loaded is degraded.
"""

import importlib
from typing import Any, Final

from cli.client import Json
from cli.errors import CommandError

INSTALL: Final = "install it with `pip install nvidia-ml-py`, or send a file with --replay"
LOAD: Final = "is it loaded (`nvidia-smi`)? Without one, send a file with --replay"
NOTHING: Final = {
    "gpu_utilization": 0.0,
    "memory_utilization": 0.0,
    "temperature": 0.0,
    "power_draw": 0.0,
}


class NoGpus(CommandError):
    """NVML cannot be used here."""


class Gpus:
    """The GPUs of this machine, in the order in which the driver counts them."""

    def __init__(self, nvml: Any = None) -> None:
        """Open the driver; tests hand in a module of their own.

        Raises:
            NoGpus: the package, the driver or a GPU is missing.
        """
        self._nvml = nvml or _package()
        try:
            self._nvml.nvmlInit()
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as error:
            raise NoGpus(f"NVIDIA's driver cannot be used: {error}; {LOAD}") from None
        if not count:
            raise NoGpus("NVIDIA's driver knows no GPU on this machine")
        self._count = int(count)

    def read(self, now_ms: int) -> list[Json]:
        """A reading of each GPU."""
        return [
            {"gpu_index": index, "timestamp": now_ms, **self._measured(index)}
            for index in range(self._count)
        ]

    def _measured(self, index: int) -> Json:
        try:
            handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            return {**self._values(handle), "status": self._status(handle)}
        except self._nvml.NVMLError_GpuIsLost:
            return {**NOTHING, "status": "offline"}
        except self._nvml.NVMLError as error:
            raise NoGpus(f"GPU {index} cannot be read: {error}") from None

    def _values(self, handle: Any) -> Json:
        nvml = self._nvml
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return {
            "gpu_utilization": nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
            "memory_utilization": round(memory.used / memory.total, 4),
            "temperature": nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            "power_draw": nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
        }

    def _status(self, handle: Any) -> str:
        nvml = self._nvml
        try:
            errors = nvml.nvmlDeviceGetTotalEccErrors(
                handle, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
            )
        except nvml.NVMLError_NotSupported:  # a GPU without ECC, or with ECC switched off
            return "healthy"
        return "degraded" if errors else "healthy"


def _package() -> Any:
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        raise NoGpus(f"the package nvidia-ml-py is not installed; {INSTALL}") from None
