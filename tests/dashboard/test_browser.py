"""The dashboard in a real Chromium: what people see is what the stream said."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hystrixpy.dashboard.merged import Merged
from hystrixpy.stream.commands import command_event
from hystrixpy.stream.server import StreamServer
from tests.dashboard.browser import Browser, why_not
from tests.dashboard.fake_world import World, serve, site_of
from tests.stream.fakes import (
    FakeCircuit,
    FakeCollapser,
    FakePool,
    command_properties,
    counts,
    latencies,
    pool_properties,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.browser, pytest.mark.serial, pytest.mark.skipif(bool(why_not()), reason=why_not())]

RED, GREEN = "rgb(200, 30, 30)", "rgb(21, 128, 61)"
HOSTILE = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "'\"`);document.title='owned'//",
    "two\nlines\tand\0more",
    "x" * 300,
    "../../hystrix.stream?key=a&b=c#d",
    "{{constructor.constructor('document.title=1')()}}",
    "\u202eevil\u2066 \U0001f525",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.quit()


@pytest.fixture
def world() -> World:
    world = World()
    world.all_circuits.append(
        FakeCircuit(
            key="GetUser",
            health=(1234, 617),
            rolling=counts(
                SUCCESS=600, FAILURE=500, TIMEOUT=117, SHORT_CIRCUITED=33, BAD_REQUEST=4, THREAD_POOL_REJECTED=2
            ),
            active=7,
            abandoned=3,
            latency=latencies([0.0004] * 50 + [0.02] * 45 + [1.7] * 5),
            explanation="circuit 'GetUser' is closed, for <b>good</b> reasons",
            origins={
                "timeout": SimpleNamespace(value=0.25, level="dynamic", source="hystrix.toml:7"),
                "ignore": SimpleNamespace(value=(KeyError,), level="code", source="GetUser"),
            },
        )
    )
    world.all_circuits.append(FakeCircuit(key="Alpha", group="other", health=(50, 0), rolling=counts(SUCCESS=50)))
    world.all_circuits.append(FakeCircuit(key="Zulu", health=(5000, 0), rolling=counts(SUCCESS=5000)))
    origins = {"core_size": SimpleNamespace(value=10, level="code", source="GetUser")}
    world.all_pools.append(FakePool(key="users", active=4, completed=99, rolling_rejected=2, origins=origins))
    origins = {"delay": SimpleNamespace(value=0.01, level="dynamic default", source="hystrix.toml:3")}
    world.all_collapsers.append(FakeCollapser(key="UserById", rolling_batches=12, rolling_requests=80, origins=origins))
    return world


@pytest.fixture
def server(world: World) -> Iterator[StreamServer]:
    with serve(world) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: StreamServer) -> Iterator[Browser]:
    """The page, drawn; afterwards the console has nothing to say and nothing went elsewhere."""
    browser.open(server.url + "/")
    browser.until(browser.cards, "the first sample is drawn")
    yield browser
    assert browser.complaints() == []
    foreign = [
        url for url in browser.requested() if not re.match(rf"(http://127\.0\.0\.1:{server.port}/|data:|about:)", url)
    ]
    assert foreign == []


def card(page: Browser, key: str, **expected: Any) -> dict[str, Any]:
    """The card once it shows what is expected."""

    def right() -> dict[str, Any] | None:
        shown = page.card(key)
        return shown if shown and all(shown[name] == value for name, value in expected.items()) else None

    return page.until(right, f"{key} shows {expected}; it shows {page.card(key)}")  # type: ignore[no-any-return]


def test_card_shows_what_the_stream_sent(page: Browser) -> None:
    """Rate over the window, truncated error percentage, Hystrix's counters, latencies, concurrency, abandoned."""
    shown = card(page, "GetUser", state="closed")
    assert shown["rate"] == "123"
    assert shown["error"] == "50%"
    assert shown["counters"] == {
        "success": "600",
        "timeout": "117",
        "short-circuited": "33",
        "rejected": "2",
        "bad request": "4",
        "failure": "500",
    }
    assert "7 of 10 in flight" in shown["foot"]
    assert "3 abandoned" in shown["foot"]


def test_latencies_are_those_of_the_stream(page: Browser, world: World) -> None:
    """In the unit that suits them."""
    sent = command_event(world.all_circuits[0])["hystrixpyLatencyExecute"]
    shown = card(page, "GetUser")["latencies"]
    assert shown["p50"] == f"{round(sent['50'] * 1000)} µs"
    assert shown["p90"] == f"{sent['90']:.1f} ms"
    assert shown["p99"] == f"{sent['99'] / 1000:.2f} s"
    assert shown["mean"] == f"{sent['mean']:.1f} ms"


def test_card_follows_the_stream(page: Browser, world: World) -> None:
    """A changed number is on the page within a moment."""
    world.all_circuits[0].rolling = counts(SUCCESS=1_234_567)
    shown = page.until(
        lambda: (page.card("GetUser") or {}).get("counters", {}).get("success") != "600" and page.card("GetUser"),
        "it moves",
    )
    assert shown["counters"]["success"] == "1.2M"


def test_breaker_turns_red_and_back(page: Browser, world: World) -> None:
    """Closed is green, open red, half-open amber, and each says its word."""
    circuit = world.all_circuits[0]
    assert card(page, "GetUser", state="closed")["border"] == GREEN
    circuit.state, circuit.is_open = "open", True
    assert card(page, "GetUser", state="open")["border"] == RED
    page.until(lambda: page.driver.title == "(1 open) hystrixpy", "the title counts it")
    circuit.state = "half_open"
    assert card(page, "GetUser", state="half-open")["border"] not in (RED, GREEN)
    circuit.state, circuit.is_open = "closed", False
    assert card(page, "GetUser", state="closed")["border"] == GREEN


def test_transitions_are_announced(page: Browser, world: World) -> None:
    """A polite live region says it, once."""
    world.all_circuits[0].state, world.all_circuits[0].is_open = "open", True
    page.until(
        lambda: page.script("return document.getElementById('announcer').textContent") == "GetUser: closed → open",
        "the transition is announced",
    )
    assert page.script("return document.getElementById('announcer').getAttribute('aria-live')") == "polite"


@pytest.mark.parametrize(("forced", "word"), [("open", "forced open"), ("closed", "forced closed")])
def test_forced_states_are_told(page: Browser, world: World, forced: str, word: str) -> None:
    """Whatever the real state is."""
    world.all_circuits[0].forced = forced
    card(page, "GetUser", state=word)


def test_breaker_that_is_off_says_so(page: Browser, world: World) -> None:
    """Every call gets through, whatever its state was: neither open nor closed; no limit is no bar."""
    circuit = world.all_circuits[0]
    circuit.properties = command_properties(breaker_enabled=False)
    circuit.state, circuit.limit = "open", 10**12
    shown = card(page, "GetUser", state="breaker off")
    assert shown["border"] not in (RED, GREEN)
    assert "7 in flight" in shown["foot"]
    assert page.script("return document.querySelector('[data-key=GetUser] .meter').hidden")
    assert page.driver.title == "hystrixpy"


def test_pools_and_collapsers_have_cards(page: Browser) -> None:
    """With their names and numbers."""
    pools = page.script("return document.getElementById('pools').textContent")
    assert "users" in pools
    assert "4 of 10 threads busy" in pools
    collapsers = page.script("return document.getElementById('collapsers').textContent")
    assert "UserById" in collapsers
    assert "80" in collapsers


def choose(page: Browser, name: str, value: str) -> None:
    page.script(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event('input', {bubbles: true}))",
        name,
        value,
    )


def test_sorting(page: Browser) -> None:
    """Error then volume at first; by name, by volume; and turned round."""
    assert page.cards() == ["GetUser", "Zulu", "Alpha"]
    choose(page, "sort", "name")
    assert page.cards() == ["Alpha", "GetUser", "Zulu"]
    choose(page, "sort", "volume")
    assert page.cards() == ["Zulu", "GetUser", "Alpha"]
    page.driver.find_element("id", "direction").click()
    assert page.cards() == ["Alpha", "GetUser", "Zulu"]
    choose(page, "sort", "99")
    assert page.cards()[-1] == "GetUser"


def test_filtering(page: Browser) -> None:
    """By name, by group, by trouble; Escape takes it back; the address keeps it."""
    choose(page, "filter", "zul")
    assert page.cards() == ["Zulu"]
    assert "filter=zul" in page.driver.current_url
    choose(page, "filter", "OTHER")
    assert page.cards() == ["Alpha"]
    choose(page, "filter", "nothing at all")
    assert page.cards() == []
    page.driver.find_element("id", "filter").send_keys("\ue00c")  # Escape
    assert len(page.cards()) == 3
    choose(page, "show", "trouble")
    assert page.cards() == ["GetUser"]


def test_view_can_be_bookmarked(page: Browser, server: StreamServer) -> None:
    """A wall screen opens what its address says."""
    page.driver.get("about:blank")
    page.driver.get(f"{server.url}/#sort=name&filter=a")
    page.until(lambda: page.cards() == ["Alpha"], "the saved filter is applied")


def test_keyboard_is_enough(page: Browser) -> None:
    """Slash goes to the filter; a card's name opens the details, which take the focus and give it back."""
    page.driver.find_element("css selector", "body").send_keys("/")
    assert page.script("return document.activeElement.id") == "filter"
    name = page.driver.find_element("css selector", "#circuits .name")
    name.send_keys("\n")
    page.until(lambda: page.script("return document.getElementById('detail').open"), "the details open")
    assert page.script("return document.getElementById('detail').contains(document.activeElement)")
    page.driver.switch_to.active_element.send_keys("\ue00c")
    page.until(lambda: not page.script("return document.getElementById('detail').open"), "Escape closes them")
    assert page.script("return document.activeElement === arguments[0]", name)


def test_focus_can_be_seen_whole(page: Browser) -> None:
    """Nothing between a name and its card cuts the ring around it off."""
    name = page.driver.find_element("css selector", "#circuits .name")
    page.script("arguments[0].focus({focusVisible: true})", name)
    assert page.script("return getComputedStyle(arguments[0]).outlineStyle", name) == "solid"
    clipped = page.script(
        "const out = []; for (let e = arguments[0].parentElement; !e.matches('.card'); e = e.parentElement)"
        " out.push(getComputedStyle(e).overflow); return out",
        name,
    )
    assert set(clipped) == {"visible"}


def detail_text(page: Browser) -> str:
    return str(page.script("return document.getElementById('detail').innerText"))


def test_detail_view(page: Browser) -> None:
    """explain(), the properties with their source, all counts, both latencies, charts."""
    page.driver.find_element("css selector", "[data-key=GetUser] .name").click()
    page.until(lambda: "hystrix.toml:7" in detail_text(page), "the config has arrived")
    text = detail_text(page)
    assert "circuit 'GetUser' is closed, for <b>good</b> reasons" in text
    for part in ("dynamic", "0.25", "KeyError", "thread pool users", "3 abandoned", "thread pool rejected"):
        assert part in text
    assert page.script("return document.querySelectorAll('#detail canvas').length") == 2
    assert page.script("return document.querySelectorAll('#detail b').length") == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("users", ("thread pool", "abandoned", "core_size", "code", "GetUser")),
        ("UserById", ("collapser", "mean batch", "delay", "dynamic default", "hystrix.toml:3")),
    ],
)
def test_pools_and_collapsers_have_details(page: Browser, name: str, expected: tuple[str, ...]) -> None:
    """Their numbers, and the properties in force with their source."""
    page.driver.find_element("css selector", f"[data-key={name}] .name").click()
    page.until(lambda: all(part in detail_text(page) for part in expected), f"{expected} are told")
    assert page.script("return document.getElementById('detail-name').textContent") == name
    page.driver.find_element("css selector", "#detail .close").click()


def test_detail_follows_a_circuit_that_comes_back(page: Browser, world: World) -> None:
    """Gone is said, old numbers are not kept for new ones."""
    page.driver.find_element("css selector", "[data-key=GetUser] .name").click()
    page.until(lambda: "hystrix.toml:7" in detail_text(page), "the config has arrived")
    circuit = world.all_circuits.pop(0)
    gone = "return document.getElementById('detail').dataset.gone"
    page.until(lambda: page.script(gone) == "true", "it is told that the circuit is gone")
    circuit.rolling = counts(SUCCESS=31)
    world.all_circuits.append(circuit)
    page.until(lambda: page.script(gone) == "false", "it is back")
    page.until(lambda: re.search(r"success\s+31\b", detail_text(page)), "with the new numbers")
    page.driver.find_element("css selector", "#detail .close").click()


def test_detail_tells_of_state_changes(page: Browser, world: World) -> None:
    """The history grows while one looks, and the breaker's words follow at once."""
    page.driver.find_element("css selector", "[data-key=GetUser] .name").click()
    page.until(lambda: "for <b>good</b> reasons" in detail_text(page), "the breaker has spoken")
    world.all_circuits[0].explanation = "circuit 'GetUser' is open now"
    world.all_circuits[0].state, world.all_circuits[0].is_open = "open", True
    page.until(lambda: "closed → open" in detail_text(page), "the change is listed")
    page.until(lambda: "circuit 'GetUser' is open now" in detail_text(page), "the breaker is asked again")


def test_closing_the_details_frees_their_place(page: Browser, server: StreamServer) -> None:
    """The config stream is open only while somebody looks."""
    channel = server._site._streams["/hystrix/config.stream"]
    for _ in range(7):
        page.driver.find_element("css selector", "[data-key=GetUser] .name").click()
        page.until(lambda: "hystrix.toml:7" in detail_text(page), "the config has arrived")
        page.driver.find_element("css selector", "#detail .close").click()
    page.until(lambda: channel._slots._free == 5, "all places are free again")  # type: ignore[attr-defined]


def test_hostile_names_are_text(page: Browser, world: World) -> None:
    """Nothing of them is ever markup, on cards, pools, details or in announcements; they filter and open like any."""
    for name in HOSTILE:
        world.all_circuits.append(FakeCircuit(key=name, group=name, explanation=f"about {name}"))
    world.all_pools.append(FakePool(key=HOSTILE[0]))
    page.until(lambda: len(page.cards()) == 3 + len(HOSTILE), "all are drawn")
    assert set(HOSTILE) <= set(page.cards())
    assert page.script("return document.querySelectorAll('main script, main img, dialog script').length") == 0
    names = page.script("return [...document.querySelectorAll('#circuits .name')].map(e => e.textContent)")
    assert set(HOSTILE) <= set(names)
    about = "return document.querySelector('.explain').textContent"
    for name in HOSTILE[:4]:
        page.script(
            "[...document.querySelectorAll('#circuits .name')].find(e => e.textContent === arguments[0]).click()", name
        )
        page.until(lambda: page.script(about).startswith("about "), "its own words")
        assert page.script(about) == f"about {name}"
        assert page.script("return document.getElementById('detail-name').textContent") == name
        page.driver.find_element("css selector", "#detail .close").click()
    world.all_circuits[-len(HOSTILE)].state = "open"
    page.until(
        lambda: HOSTILE[0] in page.script("return document.getElementById('announcer').textContent"), "announced"
    )
    assert "owned" not in page.driver.title
    assert page.script("return document.documentElement.scrollWidth <= innerWidth")


def test_browser_itself_refuses_html_from_strings(page: Browser) -> None:
    """Even a mistake of ours could not turn a name into markup."""
    refused = page.script(
        "try { document.createElement('div').innerHTML = '<b>x</b>'; return 'made'; } catch (e) { return e.name; }"
    )
    assert refused == "TypeError"
    page.complaints()  # the browser reports the refusal we asked for


def test_circuit_that_went_leaves_the_page(page: Browser, world: World) -> None:
    """And its card with it."""
    del world.all_circuits[1:]
    page.until(lambda: page.cards() == ["GetUser"], "the others are gone")


def test_no_circuit_yet_is_said(browser: Browser) -> None:
    """An empty page explains itself."""
    with serve(World()) as server:
        browser.open(server.url + "/")
        browser.until(
            lambda: "appear with the first call" in browser.script("return document.querySelector('main').innerText"),
            "it says",
        )


def test_lost_stream_is_shown_and_found_again(page: Browser, server: StreamServer, world: World) -> None:
    """A banner while the server is away; when it is back, the banner goes and the numbers move."""
    port = server.port
    server.close()
    page.until(lambda: not page.script("return document.getElementById('lost').hidden"), "the banner is there")
    assert "Stream lost at" in page.script("return document.getElementById('lost').textContent")
    assert page.script("return document.getElementById('connection').textContent") == "lost"
    assert page.script("return document.body.classList.contains('stale')")
    world.all_circuits[0].rolling = counts(SUCCESS=42)
    with StreamServer(site_of(world), "127.0.0.1", port):
        page.until(lambda: page.script("return document.getElementById('lost').hidden"), "the banner is gone")
        page.until(lambda: page.card("GetUser")["counters"]["success"] == "42", "new numbers")  # type: ignore[index]
        assert len(page.cards()) == 3
    page.complaints()


def test_full_stream_is_told(browser: Browser, server: StreamServer) -> None:
    """All places taken: the page says so in the server's words, and comes in when one is free."""
    channel = server._site._streams["/hystrix.stream"]
    clients = [channel.subscribe({}) for _ in range(5)]
    browser.open(server.url + "/")
    browser.until(
        lambda: "MaxConcurrentConnections" in browser.script("return document.getElementById('lost').textContent"),
        "it says why",
    )
    clients[0].close()
    browser.until(browser.cards, "it is let in")
    browser.driver.get_log("browser")  # Chromium notes the 503 that we wanted


def test_two_hundred_circuits_stay_smooth(page: Browser, world: World) -> None:
    """While 200 circuits change twice a second, frames keep coming and only changed texts are touched."""
    world.all_circuits += [
        FakeCircuit(key=f"C{i}", health=(i, 0), latency=latencies([0.001 * i + 1e-4])) for i in range(200)
    ]
    page.until(lambda: len(page.cards()) == 203, "all are drawn")
    longest = page.driver.execute_async_script(
        "const done = arguments[0]; const tasks = []; const watch = new PerformanceObserver(list =>"
        " tasks.push(...list.getEntries().map(e => e.duration))); watch.observe({entryTypes: ['longtask']});"
        "setTimeout(() => { watch.disconnect(); done(Math.max(0, ...tasks)); }, 4000);"
    )
    assert longest < 400, f"the page was stuck for {longest:.0f} ms"


def test_many_processes_on_one_page(browser: Browser, world: World) -> None:
    """Merged: sums on the cards, differing breakers and lost processes told."""
    other = World()
    other.all_circuits.append(FakeCircuit(key="GetUser", rolling=counts(SUCCESS=400), state="open", is_open=True))
    first, second = serve(world), serve(other)
    merged = Merged([first.url, second.url])
    with StreamServer(merged.site(), "127.0.0.1", 0) as server:
        browser.open(server.url + "/")
        browser.until(lambda: (browser.card("GetUser") or {}).get("state") == "1 of 2 open", "both are merged")
        shown = browser.card("GetUser")
        assert shown is not None
        assert shown["counters"]["success"] == "1,000"
        assert "2 processes" in shown["foot"]
        second.close()
        summary = "return document.getElementById('sources-summary').textContent"
        browser.until(lambda: browser.script(summary) == "1 of 2 processes, 1 lost", "the lost one is told")
        browser.until(lambda: browser.card("GetUser")["state"] == "closed", "only the living count")  # type: ignore[index]
        assert browser.complaints() == []
    first.close()
    merged.close()


STICKS_OUT = """
const edge = (e) => e.getBoundingClientRect().right;
return [...document.querySelectorAll('.card')].flatMap(card => [...card.querySelectorAll('dt, dd, .load, .state')]
  .filter(e => e.scrollWidth > e.clientWidth + 1 || edge(e) > edge(card)).map(e => e.textContent));
"""


@pytest.mark.parametrize("width", [320, 390, 1360, 2560])
def test_page_fits_every_width(page: Browser, world: World, width: int) -> None:
    """From a phone to a wall, nothing sticks out sideways, in the list, in a card and in the details."""
    world.all_circuits[0].properties = command_properties(isolation="semaphore")
    busy = {"active": 128, "size": 128, "max_size": 256, "completed": 999_999, "rolling_executed": 99_999}
    queue = pool_properties(max_queue_size=1000, queue_rejection_threshold=1000)
    world.all_pools.append(FakePool(key="busy", properties=queue, queue_size=999, **busy))
    page.until(lambda: page.script("return document.querySelectorAll('#pools li').length") == 2, "the pool is drawn")
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert page.script("return document.documentElement.scrollWidth <= innerWidth")
        assert page.script(STICKS_OUT) == []
        page.driver.find_element("css selector", "[data-key=GetUser] .name").click()
        page.until(lambda: "hystrix.toml:7" in detail_text(page), "the config has arrived")
        assert page.script("const d = document.getElementById('detail'); return d.scrollWidth <= d.clientWidth")
        page.driver.find_element("css selector", "#detail .close").click()
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


CONTRAST = """
const linear = (v) => v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const pen = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const rgba = (css) => {
  pen.clearRect(0, 0, 1, 1); pen.fillStyle = css; pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data];
};
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const colour = rgba(getComputedStyle(e).backgroundColor);
    if (colour[3] > 250) return colour;
  }
  return rgba(getComputedStyle(document.body).backgroundColor);
};
const bad = [];
for (const e of document.querySelectorAll('body *')) {
  const hasText = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!hasText || !e.checkVisibility() || e.closest('.sr, .skip, noscript, option')) continue;
  const [a, b] = [luminance(rgba(getComputedStyle(e).color)), luminance(ground(e))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) bad.push(`${e.className || e.tagName}: ${e.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
}
return bad;
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_contrast(page: Browser, world: World, theme: str) -> None:
    """At least 4.5 to 1 in both themes, for every state."""
    for number, state in enumerate(("open", "half_open")):
        world.all_circuits.append(FakeCircuit(key=state, state=state, is_open=True, health=(100, 30 * number)))
    world.all_circuits.append(FakeCircuit(key="f", forced="closed"))
    page.until(lambda: len(page.cards()) == 6, "all are drawn")
    page.script("document.documentElement.dataset.theme = arguments[0]", theme)
    assert page.script(CONTRAST) == []
    page.driver.find_element("css selector", "[data-key=GetUser] .name").click()
    page.until(lambda: "hystrix.toml:7" in detail_text(page), "the config has arrived")
    assert page.script(CONTRAST) == []
    page.driver.find_element("css selector", "#detail .close").click()


def test_everything_that_acts_has_a_name(page: Browser) -> None:
    """Buttons, inputs, regions and pictures say what they are to a screen reader."""
    page.driver.find_element("css selector", "[data-key=GetUser] .name").click()
    page.until(lambda: "hystrix.toml:7" in detail_text(page), "the config has arrived")
    unnamed = page.script(
        "const label = (e) => e.ariaLabel || e.getAttribute('aria-labelledby');"
        "const named = (e) => e.textContent.trim() || e.labels?.length || label(e);"
        "return [...document.querySelectorAll('button, input, select, section, dialog, [role=img]')]"
        ".filter(e => e.checkVisibility() && !named(e)).map(e => e.outerHTML.slice(0, 80))"
    )
    assert unnamed == []
