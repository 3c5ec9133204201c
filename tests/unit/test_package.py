"""The package as a whole: what an import costs, what it offers, how its errors behave."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ferrolm
from ferrolm import _extras, _rust, errors


def run_python(code: str, **environment: str) -> str:
    """Standard output of ``code`` in a fresh interpreter."""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_brings_neither_torch_nor_transformers_nor_the_hub():
    loaded = run_python(
        "import sys, ferrolm; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    ).split()
    assert not {"torch", "transformers", "huggingface_hub", "tokenizers"} & set(loaded)


def test_every_public_name_is_there():
    for name in ferrolm.__all__:
        assert getattr(ferrolm, name) is not None
    assert set(ferrolm.__all__) <= set(dir(ferrolm))


def test_rooms_are_reachable_as_attributes():
    code = (
        "import ferrolm; print(ferrolm.ngram.__name__, ferrolm.sampling.__name__, ferrolm.attention.__name__)"
    )
    assert run_python(code) == "ferrolm.ngram ferrolm.sampling ferrolm.attention"


def test_help_says_of_compiled_methods_what_editors_read_in_the_stub():
    stub = ast.parse((Path(ferrolm.__file__).parent / "_rust.pyi").read_text())
    described = {
        f"{owner.name}.{method.name}": ast.get_docstring(method)
        for owner in stub.body
        if isinstance(owner, ast.ClassDef)
        for method in owner.body
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_")
    }

    def shown(name: str) -> list[str]:
        owner, method = name.split(".")
        return (getattr(getattr(_rust, owner), method).__doc__ or "").replace("`", "").split()

    differing = [
        name for name, text in described.items() if text and shown(name) != text.replace("`", "").split()
    ]
    assert not differing
    assert {"Tokenizer.encode", "Encoding.ids", "NormalizedString.split"} <= {
        name for name in described if described[name]
    }


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tokeniser'"):
        _ = ferrolm.tokeniser


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.InvalidArgumentError, ValueError),
        (errors.ShapeError, ValueError),
        (errors.InvalidTypeError, TypeError),
        (errors.InvalidEncodingError, ValueError),
        (errors.InvalidFileError, ValueError),
        (errors.FileAccessError, OSError),
        (errors.MissingFileError, FileNotFoundError),
        (errors.LimitError, ValueError),
        (errors.UnknownNameError, KeyError),
        (errors.MissingExtraError, ImportError),
    ],
)
def test_errors_are_caught_as_ours_and_as_the_builtin(error, builtin):
    assert issubclass(error, errors.FerrolmError)
    assert issubclass(error, builtin)
    assert str(error("what went wrong")) == "what went wrong"


def test_a_missing_extra_says_what_to_install():
    with pytest.raises(
        errors.MissingExtraError, match=r"models needs no_such_module.*pip install 'ferrolm\[torch\]'"
    ):
        _extras.require("no_such_module", extra="torch", purpose="models")


def test_the_number_of_threads_comes_from_the_environment_and_can_be_set():
    code = "import ferrolm; print(ferrolm.num_threads()); ferrolm.set_num_threads(2); print(ferrolm.num_threads())"
    assert run_python(code, FERROLM_NUM_THREADS="3").split() == ["3", "2"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_there_are_as_many_threads_as_cpus_the_process_may_use():
    cpus = sorted(os.sched_getaffinity(0))
    for wanted in (cpus[:1], cpus[-2:]):
        code = f"""if True:
            import os, pathlib
            os.sched_setaffinity(0, {set(wanted)})
            import numpy, ferrolm
            from ferrolm.attention import scaled_dot_product_attention
            query = numpy.zeros((1, 8, 1000, 64), numpy.float32)
            scaled_dot_product_attention(query, query, query)
            names = [task.joinpath("comm").read_text() for task in pathlib.Path("/proc/self/task").iterdir()]
            print(ferrolm.num_threads(), sum(name.startswith("ferrolm-") for name in names))"""
        count = str(len(wanted))
        assert run_python(code, FERROLM_NUM_THREADS="").split() == [count, count]
        # What is asked for by name goes before.
        assert run_python(code, FERROLM_NUM_THREADS="3").split() == ["3", "3"]


@pytest.mark.parametrize("level", ["portable", "avx2", "avx512"])
def test_a_simd_level_can_be_forced_but_not_above_the_machine(level):
    code = "from ferrolm import _rust; print(_rust.simd_level())"
    machine = run_python(code, FERROLM_SIMD="")
    order = ["portable", "avx2", "avx512"]
    assert run_python(code, FERROLM_SIMD=level) == min(level, machine, key=order.index)
