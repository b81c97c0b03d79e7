"""The documentation: pages are text, code on them is executed, nothing is asked of the network at any time."""

import hashlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE / "_ext"), str(ROOT / "src")]
# Notebooks run with the package that lies here, and without what the reader's own IPython would start with.
os.environ["PYTHONPATH"] = str(ROOT / "src")
os.environ["IPYTHONDIR"] = str(ROOT / "build" / "ipython")
PROFILE = ROOT / "build" / "ipython" / "profile_default" / "ipython_kernel_config.py"
PROFILE.parent.mkdir(parents=True, exist_ok=True)
SHORT = "import warnings; warnings.formatwarning = lambda text, kind, *where: f'{kind.__name__}: {text}\\n'"
PROFILE.write_text(
    "c.Application.log_level = 40  # each kernel would warn that it listens\n"
    f"c.InteractiveShellApp.exec_lines = [{SHORT!r}]  # warnings without the kernel's temporary files\n",
    encoding="utf-8",
)

import alliancecred

NOT_RUN = os.environ.get("ALLIANCECRED_DOCS") == "unexecuted"  # of a test, which runs the code by itself

project = "alliancecred"
author = "The alliancecred developers"
copyright = "the alliancecred developers, BSD-3-Clause"
version = release = alliancecred.__version__
html_title = f"alliancecred {version}"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "sphinx_copybutton",
    "mathml",
    "reading",
    "writing",
]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
exclude_patterns = ["_*", "decisions/README.md"]
templates_path = ["_templates"]
smartquotes = False  # options of commands keep both of their dashes
default_role = "py:obj"
add_module_names = False
python_use_unqualified_type_names = True
nitpicky = True
# Inventories of other projects are not fetched, so their names lead nowhere; nor do those of inner rooms.
nitpick_ignore_regex = [
    ("py:.*", r"(collections|datetime|matplotlib|numpy|pandas|pathlib|pymc|xarray)\..*"),
    (
        "py:class",
        r"alliancecred\.(cells|choices|design|opponents|respondents|sliders|tabulating)\..*",
    ),  # what fits are made of
    ("py:class", "pm.Model"),
    ("py:class", "[A-Z]"),  # a letter that stands for any type
]

# --- the reference ----------------------------------------------------------------------------------
autodoc_typehints = "signature"
python_maximum_signature_line_length = 90
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "__init__, __new__"}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# --- code that runs ---------------------------------------------------------------------------------
myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath", "tasklist"]
myst_heading_anchors = 3
myst_update_mathjax = False
suppress_warnings = ["myst-nb.lexer"] if NOT_RUN else []


def _state() -> str:
    """Digest of the library: what was executed with another one is executed again."""
    files = sorted(f for kind in ("src/**/*.py", "src/**/*.css", "models/*", "uv.lock") for f in ROOT.glob(kind))
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:16]


nb_execution_mode = "off" if NOT_RUN else "cache"
nb_execution_cache_path = str(ROOT / "build" / "notebooks" / _state())
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_ipywidgets_js = {}

# --- how it looks -----------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "logo": {"text": "alliancecred"},
    "header_links_before_dropdown": 8,
    "navbar_end": ["theme-switcher"],
    "article_header_end": ["notebook.html"],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_sidebars = {page: [] for page in ("start", "gallery/index", "glossary")}  # nothing is below them
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_use_opensearch = ""
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
