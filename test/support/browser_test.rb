# frozen_string_literal: true

require "capybara"
require "selenium-webdriver"
require "tmpdir"

# Tests that look at the app with a browser, through thrust.
class BrowserTest < SystemTest
  ARGUMENTS = %w[headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking
                 disable-component-update disable-sync window-size=1280,800].freeze
  PATIENCE = 20 # seconds for anything to show, on a busy machine

  Capybara.run_server = false
  Capybara.default_max_wait_time = PATIENCE
  Capybara.register_driver(:chromium) do |app|
    options = Selenium::WebDriver::Chrome::Options.new(binary: "/usr/bin/chromium", args: ARGUMENTS,
      prefs: { download: { default_directory: BrowserTest.downloads, prompt_for_download: false } })
    Capybara::Selenium::Driver.new(app, browser: :chrome, capabilities: options,
      service: Selenium::WebDriver::Service.chrome(path: "/usr/bin/chromedriver"))
  end

  class << self
    # Where the browser puts what it downloads.
    def downloads
      @@downloads ||= Dir.mktmpdir("downloads").tap { |directory| Minitest.after_run { FileUtils.rm_rf directory } }
    end

    # One browser for all tests: it takes seconds to start.
    def browser
      @@browser ||= Capybara::Session.new(:chromium).tap { |session| Minitest.after_run { session.quit } }
    end
  end

  def browser
    BrowserTest.browser
  end

  def visit(path)
    browser.visit "http://localhost:#{thrust.port}#{path}"
  end

  # What the page has fetched so far: path => status.
  def loaded
    browser.evaluate_script(<<~JS).to_h { |url, status| [ URI(url).path, status ] }
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .map(entry => [entry.name, entry.responseStatus])
    JS
  end

  # A finished download's content.
  def downloaded(name)
    path = File.join(BrowserTest.downloads, name)
    eventually("the download of #{name}", within: PATIENCE) { File.exist?(path) && Dir["#{path}.crdownload"].empty? }
    File.binread(path)
  end
end
