"""The whole story on one machine, with real parts: what `make demo` runs."""

from deploy.demo.run import run_demo

__all__ = ["run_demo"]
