// Video: Segment's words for what a player does.
import assert from "node:assert/strict";
import test from "node:test";
import { heard, said, settle, site } from "./site.mjs";

const world = site();
const only = {
  pages: false,
  clicks: false,
  scroll: false,
  engagement: false,
  forms: false,
  links: false,
  shares: false,
};
const element = (more = "") => `<video src="/clip.webm?token=1" muted ${more}></video>`;
const names = async (page) => (await said(page)).map(({ event }) => event.replace("Video ", ""));
const play = (page) => page.evaluate(() => document.querySelector("video").play());

test("a video is started, plays by quarters, and is completed, in one session", async () => {
  const page = await world.open(element('title="Shoes"'), only);
  await play(page);
  await heard(page, "Video Playback Completed");
  assert.deepEqual(await names(page), [
    "Playback Started",
    "Content Playing",
    "Content Playing",
    "Content Playing",
    "Playback Completed",
  ]);
  const all = (await said(page)).map(({ properties }) => properties);
  assert.equal(new Set(all.map(({ session_id }) => session_id)).size, 1);
  assert.deepEqual(
    all.map(({ position }) => position),
    [0, 1, 2, 3, 4],
  );
  for (const { video_id, title, total_length, sound, full_screen } of all) {
    assert.deepEqual(
      { video_id, title, total_length, sound, full_screen },
      { video_id: `${world.origin}/clip.webm`, title: "Shoes", total_length: 4, sound: 0, full_screen: false },
    );
  }
});

test("pausing, going on, and jumping are told", async () => {
  const page = await world.open(element("data-video-id=v1"), only);
  await play(page);
  await heard(page, "Video Playback Started");
  await page.evaluate(() => document.querySelector("video").pause());
  await heard(page, "Video Playback Paused");
  await page.evaluate(() => {
    document.querySelector("video").currentTime = 3.5;
  });
  const [{ position, video_id }] = await heard(page, "Video Playback Seek Completed");
  assert.ok(position >= 3 && video_id === "v1");
  await play(page);
  await heard(page, "Video Playback Completed");
  const all = await names(page);
  assert.deepEqual(
    all.filter((name) => name !== "Content Playing"),
    ["Playback Started", "Playback Paused", "Playback Seek Completed", "Playback Resumed", "Playback Completed"],
  );
  assert.ok(
    all.filter((name) => name === "Content Playing").length <= 2,
    "quarters that were jumped over are not told",
  );
});

test("playing again is a session of its own", async () => {
  const page = await world.open(element(), only);
  await play(page);
  await heard(page, "Video Playback Completed");
  await play(page);
  const [first, second] = await heard(page, "Video Playback Started", 2);
  assert.notEqual(first.session_id, second.session_id);
  assert.equal((await said(page, "Video Playback Resumed")).length, 0);
});

test("videos that loop are decoration, and sounds are no videos", async () => {
  const page = await world.open(`${element("loop autoplay")}<audio src="/clip.webm"></audio>`, only);
  await page.waitForFunction(() => document.querySelector("video").currentTime > 1.2);
  assert.deepEqual(await said(page), []);
});

test("two videos have two sessions", async () => {
  const page = await world.open(element("id=a") + element("id=b"), only);
  await page.evaluate(() => {
    a.play();
    b.play();
  });
  const [one, two] = await heard(page, "Video Playback Started", 2);
  assert.notEqual(one.session_id, two.session_id);
});

test("a player that speaks YouTube's numbers is told in the same words", async () => {
  const page = await world.open("<p>", only);
  await page.evaluate(() => {
    let now = 0;
    const say = trackPlayer({
      id: () => "yt-1",
      title: () => "T",
      position: () => now,
      length: () => 100,
      sound: () => 80,
    });
    for (const [at, state] of [
      [0, -1],
      [0, 5],
      [0, 3],
      [0, 1],
      [10, 1],
      [26, 1],
      [27, 2],
      [27, 2],
      [27, 1],
      [60, 4],
      [61, 1],
      [99, 1],
      [100, 0],
      [0, 1],
      [3, 5],
    ]) {
      now = at;
      say(state);
    }
  });
  assert.deepEqual(
    (await said(page)).map(({ event, properties }) => [event.replace("Video ", ""), properties.position]),
    [
      ["Playback Started", 0],
      ["Content Playing", 26],
      ["Playback Paused", 27],
      ["Playback Resumed", 27],
      ["Playback Seek Completed", 60],
      ["Content Playing", 61],
      ["Content Playing", 99],
      ["Playback Completed", 100],
      ["Playback Started", 0],
    ],
  );
  const { session_id, ...rest } = (await said(page))[0].properties;
  assert.deepEqual(rest, { video_id: "yt-1", title: "T", position: 0, total_length: 100, sound: 80 });
});

test("a live stream has no length and no quarters", async () => {
  const page = await world.open("<p>", only);
  await page.evaluate(() => {
    const say = trackPlayer({ id: () => "live", position: () => 500, length: () => Infinity });
    say(1);
    say(1);
  });
  await settle(page);
  const [{ event, properties }, ...more] = await said(page);
  assert.deepEqual([event, properties.total_length, more], ["Video Playback Started", undefined, []]);
});
