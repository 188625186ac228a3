import type { Start } from "./capture.js";
import type { Host } from "./host.js";
import { isPrivate, selectorOf, uid } from "./element.js";

/** A player of videos, asked whenever something is to be said of it. */
export interface Player {
  /** Names the video, not the player. */
  id(): string;
  title?(): string | undefined;
  /** Seconds from the beginning. */
  position(): number;
  /** Seconds in all; not finite for live streams. */
  length(): number;
  /** Loudness, 0 to 100. */
  sound?(): number | undefined;
  fullScreen?(): boolean | undefined;
}

/**
 * Turns what a player says of its state into the events of Segment's video specification. The numbers are those of
 * YouTube's player: -1 not started, 0 ended, 1 plays (tell it again every second or so, so that progress is seen),
 * 2 paused, 3 waits, 5 another video; and beside them 4, a jump is over.
 */
export const trackPlayer = (host: Pick<Host, "track">, player: Player): ((state: number) => void) => {
  let session = "";
  let paused = false;
  let quarters = 0;
  const tell = (what: string) => {
    const total = player.length();
    host.track("Video " + what, {
      session_id: session,
      video_id: player.id(),
      title: player.title?.() || undefined,
      position: Math.round(player.position()),
      total_length: isFinite(total) ? Math.round(total) : undefined,
      sound: player.sound?.(),
      full_screen: player.fullScreen?.(),
    });
  };
  return (state) => {
    if (state == 1) {
      if (!session) {
        session = uid();
        quarters = 0;
        tell("Playback Started");
      } else if (paused) tell("Playback Resumed");
      paused = false;
      const reached = Math.floor((player.position() / player.length()) * 4);
      if (reached > quarters && reached < 4) {
        quarters = reached;
        tell("Content Playing");
      }
    } else if (session) {
      if (state == 4) tell("Playback Seek Completed");
      else if (state == 2) {
        if (!paused) tell("Playback Paused");
        paused = true;
      } else if (state != 3) {
        if (!state) tell("Playback Completed");
        session = "";
        paused = false;
      }
    }
  };
};

const STATES: Record<string, number> = { emptied: -1, ended: 0, playing: 1, timeupdate: 1, pause: 2, seeked: 4 };

/** Sends `Video Playback *` for video elements, but not for those that loop: they are decoration. */
export const video: Start = ({ host, address }, on) => {
  const players = new WeakMap<HTMLVideoElement, (state: number) => void>();
  on(Object.keys(STATES).join(" "), (event) => {
    const element: HTMLVideoElement = event.target;
    const state = STATES[event.type]!;
    if (element.localName != "video" || element.loop || isPrivate(event)) return;
    // A player that jumps or has come to its end pauses and goes on for its own reasons.
    if (state > 0 && (element.seeking || (state == 1 && element.paused) || (state == 2 && element.ended))) return;
    let say = players.get(element);
    if (!say) {
      say = trackPlayer(host, {
        id: () => element.dataset.videoId || address(element.currentSrc)?.href || selectorOf(element),
        title: () => element.title || element.dataset.title,
        position: () => element.currentTime,
        length: () => element.duration,
        sound: () => (element.muted ? 0 : Math.round(element.volume * 100)),
        fullScreen: () => !!document.fullscreenElement?.contains(element),
      });
      players.set(element, say);
    }
    say(state);
  });
};
