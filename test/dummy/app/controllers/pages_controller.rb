# Pages with a layout, and a session that lives in a cookie.
class PagesController < ApplicationController
  def home
  end

  def visits
    session[:visits] = session[:visits].to_i + 1
  end
end
