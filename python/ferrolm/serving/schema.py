"""What a request may ask for: the fields of OpenAI's API, and of vLLM's beyond it.

A field that is not here is an error that names it, with the nearest one: a setting that is silently left out is worse.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "ChatRequest",
    "CompletionRequest",
    "EmbeddingRequest",
    "GenerationRequest",
    "Message",
    "TokenizeRequest",
]


def _whole(value: Any) -> Any:
    """JSON has one kind of numbers: 3.0 is 3, but true is not 1 and "3" is a text."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integer = Annotated[int, BeforeValidator(_whole), Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StreamOptions(_Strict):
    """``include_usage``: a last event with the number of tokens. ``include_obfuscation`` has no effect."""

    include_usage: Flag = False
    include_obfuscation: Flag = False


class GenerationRequest(_Strict):
    """What completions and chats have in common. None is the model's default."""

    model: Text
    max_tokens: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0)] | None = None
    temperature: Annotated[float, Field(strict=True, ge=0, le=100)] | None = None
    top_p: Annotated[float, Field(strict=True, gt=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Field(strict=True, ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(strict=True, ge=-2, le=2)] | None = None
    logit_bias: dict[str, Annotated[float, Field(strict=True, ge=-100, le=100)]] | None = None
    n: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=1, le=128)] = 1
    stop: Text | list[Text] | None = None
    seed: Integer | None = None
    stream: Flag = False
    stream_options: StreamOptions | None = None
    user: Text | None = None
    # Beyond OpenAI's, with vLLM's names.
    top_k: Integer | None = None
    min_p: Number | None = None
    typical_p: Number | None = None
    repetition_penalty: Number | None = None
    no_repeat_ngram_size: Integer | None = None
    min_tokens: Integer | None = None
    stop_token_ids: list[Integer] | None = None
    ignore_eos: Flag | None = None


class CompletionRequest(GenerationRequest):
    """The body of /v1/completions."""

    prompt: Text | list[Text] | list[Integer] | list[list[Integer]] = ""
    echo: Flag = False
    logprobs: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, le=20)] | None = None
    best_of: Integer | None = None
    suffix: Text | None = None


class TextPart(_Strict):
    """A part of a message that is text."""

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """A message; what else it has is for the chat template."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | list[TextPart] | None = None


class JsonSchema(_Strict):
    name: Text = "answer"
    description: Text | None = None
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")
    strict: Flag | None = None


class ResponseFormat(_Strict):
    """``text``, any JSON object, or JSON that fits a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(GenerationRequest):
    """The body of /v1/chat/completions."""

    messages: list[Message]
    max_completion_tokens: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=1)] | None = None
    logprobs: Flag = False
    top_logprobs: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    parallel_tool_calls: Flag | None = None
    # Without meaning here, but sent by programs that know no other server.
    store: Flag | None = None
    metadata: dict[str, Any] | None = None
    service_tier: Text | None = None
    # Beyond OpenAI's, with vLLM's names.
    add_generation_prompt: Flag = True
    continue_final_message: Flag = False
    chat_template_kwargs: dict[str, Any] | None = None


class EmbeddingRequest(_Strict):
    """The body of /v1/embeddings."""

    model: Text
    input: Text | list[Text] | list[Integer] | list[list[Integer]]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=1)] | None = None
    user: Text | None = None


class TokenizeRequest(_Strict):
    """The body of /tokenize. top_logprobs: so many alternatives to each token, and to the next one."""

    text: Text | None = None
    messages: list[Message] | None = None
    model: Text | None = None
    add_special_tokens: Flag = True
    top_logprobs: Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, le=20)] | None = None
