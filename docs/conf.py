"""Sphinx configuration of the site (`make docs`): everything lies in the tree, nothing is fetched."""

import sys
from pathlib import Path

import neuroep

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

from stories import stage  # noqa: E402  (found by the line above)

project = "neuroep"
author = "the neuroep authors"
project_copyright = author
version = release = neuroep.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "formulas",
    "filled_pages",
    "python_names",
    "whole_numbers",
]
exclude_patterns = ["_ext", "sg_execution_times.rst", "**/sg_execution_times.rst"]
default_role = "code"  # as in Markdown, and in this project's docstrings
nitpicky = False  # docstrings name types in words ("array of float"), which no index has

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4

add_module_names = False  # a page says its module in its heading
autodoc_typehints = "none"  # numpydoc's sections say the types, in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": str(stage(HERE.parent / "examples")),
    "gallery_dirs": "gallery",
    "filename_pattern": r"/\d\d_",
    "image_scrapers": ("stories.saved_figure",),
    "reset_argv": "stories.folder_argument",
    "reset_modules": (),
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "gallery/uses",
    "doc_module": ("neuroep",),
    "parallel": 2,
    "min_reported_time": 3600,  # a time of the machine that built the site says nothing of the reader's
    "show_signature": False,
    "download_all_examples": False,
    "plot_gallery": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "neuroep"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"install": []}  # of no section
html_math_renderer = "mathml"
html_show_sourcelink = False
html_domain_indices = False
html_copy_source = False
html_show_search_summary = False  # fetched page by page, which browsers refuse to pages that are files
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "neuroep"},
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
