//! Headless Chromium, driven over the Chrome DevTools Protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>).

use std::collections::VecDeque;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

use crate::fixture::{Started, command, folder, until};

/// Nothing but the page may be asked for: a browser's own errands are switched
/// off, so that each request that is seen is the page's.
const ARGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--log-level=3",
    "--remote-debugging-port=0",
];

/// One page in a browser of its own.
pub(crate) struct Browser {
    socket: WebSocket<TcpStream>,
    session: String,
    sent: u64,
    events: VecDeque<Value>,
    // Dropped last: ends the browser, then its folder goes.
    _started: Started,
    _profile: TempDir,
}

impl Browser {
    /// Starts Chromium with an empty page of this size.
    pub(crate) fn start(width: u32, height: u32) -> Browser {
        let profile = folder();
        let mut chromium = command("chromium");
        chromium
            .args(ARGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Started::new(&mut chromium);
        let port = profile.path().join("DevToolsActivePort");
        let text = until("the browser's port", || {
            fs::read_to_string(&port)
                .ok()
                .filter(|text| text.lines().count() == 2)
        });
        let (port, path) = text.split_once('\n').expect("two lines");
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("connects");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("is set");
        let address = format!("ws://127.0.0.1:{port}{}", path.trim());
        let (socket, _) = tungstenite::client(address, stream).expect("shakes hands");
        let mut browser = Browser {
            socket,
            session: String::new(),
            sent: 0,
            events: VecDeque::new(),
            _started: started,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach);
        attached["sessionId"]
            .as_str()
            .expect("a session")
            .clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser.resize(width, height);
        browser
    }

    /// Gives the page another size.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Whether the page is told that its reader prefers dark.
    pub(crate) fn prefer_dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.call("Emulation.setEmulatedMedia", &media);
    }

    /// Opens a file, and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path) {
        self.call(
            "Page.navigate",
            &json!({ "url": format!("file://{}", file.display()) }),
        );
        until("the page", || {
            (self.eval("document.readyState") == "complete"
                && self.eval("document.querySelectorAll('main section').length > 0") == true)
                .then_some(())
        });
    }

    /// The value of an expression in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &asked);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// Clicks on the middle of an element.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.eval(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView({{ block: 'center' }});
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Presses a key: `Enter`, `ArrowRight`, `Tab`.
    pub(crate) fn key(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Backspace" => 8,
            "Escape" => 27,
            "Tab" => 9,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            other => panic!("no such key: {other}"),
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Types a text where the focus is.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Takes a picture of what is seen, as PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        use base64::Engine;
        let shot = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let text = shot["data"].as_str().expect("a picture");
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .expect("is base64")
    }

    /// What went wrong in the page since it was opened: errors, warnings, log
    /// entries, and every request but for the file itself.
    pub(crate) fn complaints(&mut self, file: &Path) -> Vec<String> {
        let own = format!("file://{}", file.display());
        self.events
            .drain(..)
            .filter_map(|event| {
                let params = &event["params"];
                match event["method"].as_str()? {
                    "Runtime.exceptionThrown" | "Log.entryAdded" => Some(params.to_string()),
                    "Runtime.consoleAPICalled" if params["type"] != "log" => {
                        Some(params.to_string())
                    }
                    "Network.requestWillBeSent" => {
                        let url = params["request"]["url"].as_str()?;
                        (url != own && !url.starts_with("data:"))
                            .then(|| format!("asked for {url}"))
                    }
                    _ => None,
                }
            })
            .collect()
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket
            .send(Message::text(message.to_string()))
            .expect("is sent");
        loop {
            let Message::Text(text) = self.socket.read().expect("answers") else {
                continue;
            };
            let answer: Value = serde_json::from_str(&text).expect("is JSON");
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.events.push_back(answer);
        }
    }
}
