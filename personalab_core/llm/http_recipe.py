"""How to speak to a plain HTTP endpoint: what the group ``models.<modality>.http`` of a configuration says.

A request is a template: ``${prompt}`` and its like are filled in, wherever they stand in
its path and body. A value that is one placeholder and nothing else keeps the type of what
is filled in (a number stays a number, a list a list). What an answer means is said in
JMESPath (https://jmespath.org). Everything is checked when the client is made, so that a
mistake is found before a request is sent; messages name the file and the key.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import quote

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from personalab_core.errors import ConfigError, InvalidRequestError
from personalab_core.llm.media import pixel_size

if TYPE_CHECKING:
    from personalab_core.config import Config

PROVIDER = "http"

_SHARED = ("model", "prompt", "seed")
_OF_TEXT = (*_SHARED, "system", "schema")
_OF_IMAGES = (*_SHARED, "aspect_ratio", "width", "height")
_REFERENCES = ("reference", "references", "reference_uri", "reference_uris", "reference_name", "reference_names")
_ENVIRONMENT = "env."
_SECRET = re.compile(r"auth|key|token|secret|cookie", re.I)


class _Template(string.Template):
    """``${name}``, ``${item.name}`` and ``${env.NAME}``; ``$$`` is a dollar, and a ``$`` alone stays one."""

    pattern = r"\$(?:(?P<escaped>\$)|(?P<named>(?!))|\{(?P<braced>[^{}]*)\}|(?P<invalid>(?!)))"  # type: ignore[assignment]


def _compiled(expression: str) -> str:
    try:
        jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(f"is not a JMESPath expression: {' '.join(str(error).split())[:120]}") from None
    return expression


Expression = Annotated[str, Field(min_length=1), AfterValidator(_compiled)]
Path = Annotated[str, Field(pattern=r"^/")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Request(_Part):
    """One request.

    Attributes:
        path: Behind ``base_url``; filled-in values are quoted.
        method: Its method.
        body: JSON template.
        picture_field: Send reference pictures as files of this name, and the body's entries as form fields.
    """

    path: Path
    method: Literal["POST", "PUT", "GET"] = "POST"
    body: Any = None
    picture_field: str | None = None

    @model_validator(mode="after")
    def _fields_have_names(self) -> Self:
        if self.picture_field and not isinstance(self.body or {}, dict):
            raise ValueError("with picture_field, body has to be a mapping of form fields")
        return self


class Upload(_Part):
    """Sends each reference picture ahead of the request, as a form with one file.

    Attributes:
        path: Where it goes.
        field: Name of the file's field.
        form: Further fields.
        name: Where the answer says how the server calls the picture, for ``${reference_name}``.
    """

    path: Path
    field: str = "image"
    form: dict[str, str] = {}
    name: Expression = "name"


class Job(_Part):
    """A long operation: the request is answered with an id, by which the result is asked for.

    Attributes:
        id: Where the answer has the id.
        path: What is asked for the result; ``${job}`` is the id.
        done: True of the answer once the job has ended, well or badly.
        interval_s: Pause between two looks.
        timeout_s: Time limit in all.
    """

    id: Expression
    path: Path
    done: Expression
    interval_s: float = Field(default=1.0, gt=0)
    timeout_s: float = Field(default=600.0, gt=0)


class Answer(_Part):
    """What an answer means.

    Attributes:
        pictures: Where the pictures are, one or a list.
        pictures_as: What stands there: ``base64`` (a ``data:`` URI, too), a ``url`` that anybody may fetch, or
            what ``file`` needs to ask the same server for a ``file``; with ``body`` the answer is the picture.
        file: Path of a picture on the same server; ``${item}`` or ``${item.name}`` is what ``pictures`` found.
        text: Where the text is.
        blocked: True, or the reason, if a policy withheld the answer.
        failed: True if the server says that it failed.
        seed: Where the seed is that was used.
        cost_usd: Where the price in US dollars is.
        input_tokens: Where the number of tokens read is.
        output_tokens: Where the number of tokens written is.
    """

    pictures: Expression | None = None
    pictures_as: Literal["base64", "url", "file", "body"] = "base64"
    file: Path | None = None
    text: Expression | None = None
    blocked: Expression | None = None
    failed: Expression | None = None
    seed: Expression | None = None
    cost_usd: Expression | None = None
    input_tokens: Expression | None = None
    output_tokens: Expression | None = None

    @model_validator(mode="after")
    def _places_fit(self) -> Self:
        if (self.file is not None) is not (self.pictures_as == "file"):
            raise ValueError("'file' and 'pictures_as: file' belong together")
        if self.pictures is None and self.pictures_as in ("url", "file"):
            raise ValueError("'pictures' has to say where the pictures are")
        return self


class Shape(_Part):
    """The pixels of ``${width}`` and ``${height}``.

    Attributes:
        sizes: ``[width, height]`` per aspect ratio; empty means multiples of ``step_px``.
        step_px: Both sides are a multiple of it.
        min_px: Shortest side.
        max_px: Longest side.
        target_px: Side of the square whose area comes nearest.
    """

    sizes: dict[str, Annotated[tuple[int, int], Field(strict=False)]] = {}
    step_px: int = Field(default=64, ge=1)
    min_px: int = Field(default=256, ge=1)
    max_px: int = Field(default=2048, ge=1)
    target_px: int = Field(default=1024, ge=1)

    def pixels(self, aspect_ratio: str) -> tuple[int, int]:
        """Return width and height.

        Raises:
            InvalidRequestError: That shape cannot be had.
        """
        if not self.sizes:
            return pixel_size(
                aspect_ratio,
                step_px=self.step_px,
                min_px=self.min_px,
                max_px=self.max_px,
                target_px=self.target_px,
                provider=PROVIDER,
            )
        if aspect_ratio not in self.sizes:
            raise InvalidRequestError(
                f"the endpoint makes no {aspect_ratio[:20]!r}; models.image.http.shape.sizes has "
                f"{', '.join(self.sizes)}",
                provider=PROVIDER,
            )
        return self.sizes[aspect_ratio]


class Recipe(_Part):
    """How one endpoint is spoken to.

    Attributes:
        base_url: Where it is.
        headers: Sent with every request to it; ``${env.NAME}`` is a variable of the environment or ``.env``.
        timeout_s: Time limit of one request.
        request: What is sent.
        request_with_references: What is sent instead if there are reference pictures.
        upload: How pictures are sent ahead.
        max_references: Most reference pictures taken.
        job: Set if the answer is an id only.
        answer: What the answer, or the job's result, means.
        shape: The sizes it makes.
        price_usd: Price of one answer, where the answer does not say it; 0 for a machine of one's own.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://[^/\s]+")]
    headers: dict[str, str] = {}
    timeout_s: float = Field(default=180.0, gt=0)
    request: Request
    request_with_references: Request | None = None
    upload: Upload | None = None
    max_references: int = Field(default=1, ge=1)
    job: Job | None = None
    answer: Answer
    shape: Shape = Shape()
    price_usd: float | None = Field(default=None, ge=0)

    @classmethod
    def of(cls, config: Config, modality: Literal["text", "image"]) -> Recipe:
        """Return what ``models.<modality>.http`` says.

        Raises:
            ConfigError: It is missing or wrong; names the file and the key.
        """
        key = f"models.{modality}.http"
        written = config.models[modality].http
        if written is None:
            raise ConfigError(f"The provider {PROVIDER!r} needs the group {key}; docs/providers.md has examples.")
        file = config.origin(f"{key}.base_url")
        file = "The configuration" if file == "derived" else file
        try:
            recipe = cls.model_validate(written)
            _check_templates(recipe, modality)
            _check_answer(recipe, modality)
        except ValidationError as error:
            problems = (_sentence(key, details) for details in error.errors(include_url=False))
            raise ConfigError("\n".join(f"{file}: {problem}" for problem in problems)) from None
        except _BadTemplate as error:
            raise ConfigError(f"{file}: '{key}.{error.key}' {error.problem}") from None
        return recipe

    @property
    def needs_upload(self) -> bool:
        """Whether the server has to be sent pictures ahead."""
        return self.upload is not None

    def variables(self) -> Iterator[str]:
        """Yield the variables of the environment that its headers name."""
        for value in self.headers.values():
            yield from (name.removeprefix(_ENVIRONMENT) for name in _Template(value).get_identifiers())


class _BadTemplate(Exception):  # noqa: N818  # becomes a ConfigError where file and group are known
    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key, self.problem = key, problem


def _check_templates(recipe: Recipe, modality: str) -> None:
    """Refuse placeholders that nothing fills in."""
    basic = _OF_TEXT if modality == "text" else _OF_IMAGES
    pictured = (*basic, *_REFERENCES) if modality == "image" else basic
    if recipe.upload is None:
        pictured = tuple(name for name in pictured if not name.startswith("reference_name"))
    plain = basic if recipe.request_with_references else pictured
    requests = {
        "request": (recipe.request, plain),
        "request_with_references": (recipe.request_with_references, pictured),
    }
    for key, (request, known) in requests.items():
        if request is not None:
            _check(f"{key}.path", request.path, tuple(name for name in known if not name.startswith("reference")))
            _check(f"{key}.body", request.body, known)
    for name, value in recipe.headers.items():
        _check(f"headers.{name}", value, (), environment=True)
        if _SECRET.search(name) and not _Template(value).get_identifiers():
            problem = f"looks like a key: put it into the environment or .env and write ${{{_ENVIRONMENT}NAME}} here"
            raise _BadTemplate(f"headers.{name}", problem)
    if recipe.job is not None:
        _check("job.path", recipe.job.path, ("job",))
    if recipe.answer.file is not None:
        _check("answer.file", recipe.answer.file, ("job", "item"), items=True)


def _check_answer(recipe: Recipe, modality: str) -> None:
    answer = recipe.answer
    if modality == "text" and answer.text is None:
        raise _BadTemplate("answer.text", "has to say where the text is")
    if modality == "image" and answer.pictures is None and answer.pictures_as != "body":
        raise _BadTemplate("answer.pictures", "has to say where the pictures are")
    if recipe.job is not None and answer.pictures_as == "body":
        raise _BadTemplate("answer.pictures_as", "is 'body', but a job's result says where its pictures are")


def _check(key: str, template: Any, known: tuple[str, ...], *, environment: bool = False, items: bool = False) -> None:
    for place, text in _texts(key, template):
        for name in _Template(text).get_identifiers():
            if name in known or (environment and name.startswith(_ENVIRONMENT)) or (items and name.startswith("item.")):
                continue
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean ${{{near[0]}}}?" if near else ""
            shown = ", ".join(f"${{{one}}}" for one in known) or f"${{{_ENVIRONMENT}NAME}}"
            raise _BadTemplate(place, f"has the placeholder ${{{name}}}; known here: {shown}.{hint}")


def _texts(key: str, template: Any) -> Iterator[tuple[str, str]]:
    """Yield (key, text) of every text in a template."""
    if isinstance(template, str):
        yield key, template
    elif isinstance(template, Mapping):
        for name, inner in template.items():
            yield from _texts(f"{key}.{name}", inner)
    elif isinstance(template, list):
        for number, inner in enumerate(template):
            yield from _texts(f"{key}.{number}", inner)


def _sentence(key: str, details: Any) -> str:
    place = ".".join([key, *map(str, details["loc"])])
    if details["type"] == "extra_forbidden":
        return f"unknown setting '{place}'."
    if details["type"] == "missing":
        return f"'{place}' is missing."
    problem = str(details["msg"]).removeprefix("Value error, ")
    return f"'{place}': {problem}."


def placeholders(template: Any) -> frozenset[str]:
    """Return the names of the placeholders in a template."""
    return frozenset(name for _, text in _texts("", template) for name in _Template(text).get_identifiers())


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a template with its placeholders filled in; a text that is one placeholder takes the value's type."""
    if isinstance(template, Mapping):
        return {name: filled(inner, values) for name, inner in template.items()}
    if isinstance(template, list):
        return [filled(inner, values) for inner in template]
    if not isinstance(template, str):
        return template
    names = _Template(template).get_identifiers()
    if len(names) == 1 and template == f"${{{names[0]}}}":
        return values[names[0]]
    return _Template(template).substitute(values)


def filled_path(template: str, values: Mapping[str, Any]) -> str:
    """Return a path with its placeholders filled in and quoted."""
    return _Template(template).substitute({name: quote(str(value), safe="") for name, value in values.items()})


def found(expression: str | None, answer: Any) -> Any:
    """Return what an expression finds in a decoded answer; ``None`` if there is none, or nothing is found."""
    if expression is None:
        return None
    try:
        return jmespath.search(expression, answer)
    except JMESPathError:  # a function that does not fit what came, such as the length of a number
        return None
