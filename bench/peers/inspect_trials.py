"""Inspect AI: the trials of `bench.trials`, with its mock model and one tool, each sample scored and logged.

Prints one line of JSON. Usage is given with every answer, so that no time goes into counting tokens; nothing is drawn on the
screen, and the log is not synchronised while it runs. What is timed is `eval` alone, not the import.
"""

import argparse
import importlib.metadata
import json
import os
import tempfile
from collections.abc import Callable

from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match
from inspect_ai.solver import generate, system_message, use_tools
from inspect_ai.tool import Tool, ToolChoice, ToolInfo, tool

from bench import workload


@tool
def lookup() -> Tool:
    """The tool of the workload."""

    async def execute(query: str) -> str:
        """Look one item up.

        Args:
            query: the number of the item.
        """
        return workload.tool_result(workload.step_of(query))

    return execute


def answers(steps: int) -> Callable[..., ModelOutput]:
    """The mock model: the step follows from the conversation, as in every other peer."""

    def answer(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        step = sum(message.role == "assistant" for message in messages)
        if step >= steps:
            made = ModelOutput.from_content("mockllm", workload.FINAL)
        else:
            made = ModelOutput.for_tool_call(
                "mockllm", workload.TOOL_NAME, {"query": workload.query(step)}, tool_call_id=workload.call_id(step),
                content=workload.model_text(step),
            )  # fmt: skip
        made.usage = ModelUsage(input_tokens=1_000, output_tokens=30, total_tokens=1_030)
        return made

    return answer


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Inspect AI over the trials of bench.trials.")
    parser.add_argument("--cases", type=int, required=True)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    options = parser.parse_args()
    os.environ.update({"DO_NOT_TRACK": "1", "INSPECT_DISPLAY": "none"})
    workload.prepare(options.steps)
    samples = [Sample(id=f"c{number}", input=workload.USER, target=workload.FINAL) for number in range(options.cases)]
    task = Task(
        dataset=samples, solver=[system_message(workload.SYSTEM), use_tools(lookup()), generate(tool_calls="loop")],
        scorer=match(), epochs=options.trials,
    )  # fmt: skip
    model = get_model("mockllm/model", custom_outputs=answers(options.steps), memoize=False)
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        with workload.Meter() as meter:
            (log,) = evaluate(
                task, model=model, display="none", log_dir=folder, max_samples=options.concurrency,
                max_connections=options.concurrency, log_realtime=False, score_display=False,
            )  # fmt: skip
        size = sum(entry.stat().st_size for entry in os.scandir(folder))
        made = options.cases * options.trials
        scored = log.results.scores[0].metrics["accuracy"].value if log.results and log.results.scores else None
        calls = [sum(message.role == "tool" for message in sample.messages) for sample in log.samples or ()]
        if log.status != "success" or scored != 1.0 or calls != [options.steps] * made:
            raise SystemExit(f"Inspect AI did other work: {log.status}, accuracy {scored}, {calls[:3]} tool calls")
    print(json.dumps({
        "version": importlib.metadata.version("inspect_ai"), "trials_per_s": made / meter.wall, "cpu_ms": meter.cpu * 1e3 / made,
        "disk_bytes": size / made, "calibration_ms": meter.calibration_ms,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
