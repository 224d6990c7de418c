// Puts the chat into another page:  <script src="https://CHAT/chat/embed.js" defer data-title="Chat with us"></script>
// A page whose visitor is known sets, before this script runs: window.hilChatToken = async () => "signed customer token"
(() => {
  const script = document.currentScript;
  const home = new URL(script.src).origin;
  const title = script.dataset.title || "Chat with us";
  const button = document.createElement("button");
  const frame = document.createElement("iframe");
  button.type = "button";
  button.textContent = title;
  button.setAttribute("aria-expanded", "false");
  frame.title = title;
  frame.hidden = true;
  Object.assign(button.style, {
    position: "fixed", right: "16px", bottom: "16px", zIndex: 2147483000, padding: "12px 18px", border: "0",
    borderRadius: "24px", background: "#1f4fbf", color: "#fff", font: "600 16px system-ui, sans-serif", cursor: "pointer",
  });
  Object.assign(frame.style, {
    position: "fixed", right: "16px", bottom: "76px", zIndex: 2147483000, width: "min(400px, calc(100vw - 32px))",
    height: "min(620px, calc(100vh - 100px))", border: "1px solid #8a93a3", borderRadius: "12px", background: "#fff",
  });
  button.addEventListener("click", () => {
    if (!frame.src) frame.src = `${home}/chat`;
    frame.hidden = !frame.hidden;
    button.setAttribute("aria-expanded", String(!frame.hidden));
    if (!frame.hidden) frame.focus();
  });
  window.addEventListener("message", async (event) => {
    if (event.source !== frame.contentWindow || event.origin !== home || event.data?.hilChat !== "token?") return;
    let token = null;
    try {
      token = window.hilChatToken ? await window.hilChatToken() : null;
    } finally {
      frame.contentWindow.postMessage({ hilChat: "token", token }, home);
    }
  });
  document.body.append(frame, button);
})();
